#include "proxy_control/state_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy_control/memory_keys.h"
#include "proxy_control/sealing.h"
#include "proxy_control/support.h"
#include "support/temp_folder.h"

namespace weir::proxy_control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Secrets = StateFile::Secrets;

table::Settings settings() {
  table::Settings made;
  made.default_certificate = "a/tls";
  return made;
}

class StateFileTest : public ::testing::Test {
 protected:
  StateFile file(bool on_memory, MemoryKeys::Keys* keys) {
    return {path_, std::make_unique<MemoryKeys>(keys), on_memory};
  }

  std::string content() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  void overwrite(const std::string& content) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
  }

  std::string load_error() {
    const auto loaded = file(true, nullptr).load();
    return loaded ? "loaded" : loaded.error().detail;
  }

  test::TempFolder folder_;
  std::string path_ = folder_.path("state");
  MemoryKeys::Keys keys_;
  table::Certificate certificate_ = make_certificate("a/tls");
  std::vector<table::EncodedResource> table_ = {table::encode(settings()),
                                                table::encode(certificate_),
                                                table::encode(make_host("shop.example"))};
};

std::vector<table::ResourceKey> names(const StateFile::Content& content) {
  std::vector<table::ResourceKey> keys;
  for (const auto& upsert : content.update.upserts) keys.push_back(upsert.key);
  std::ranges::sort(keys);
  return keys;
}

TEST_F(StateFileTest, OnAMemoryFileSystemEverythingIsWritten) {
  ASSERT_EQ(*file(true, nullptr).save(table_), Secrets::Written);

  const auto loaded = file(true, nullptr).load();

  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_TRUE(loaded->complete);
  ASSERT_EQ(loaded->update.upserts.size(), 3U);
  EXPECT_EQ(names(*loaded), (std::vector{table_[0].key, table_[1].key, table_[2].key}));
  struct stat about {};
  ASSERT_EQ(::stat(path_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600U);
  EXPECT_NE(::access((path_ + ".tmp").c_str(), F_OK), 0);
}

TEST_F(StateFileTest, OnADiskCertificatesAreSealedUnderAKeyThatIsElsewhere) {
  ASSERT_EQ(*file(false, &keys_).save(table_), Secrets::Sealed);

  EXPECT_THAT(content(), HasSubstr("shop.example"));
  EXPECT_THAT(content(), Not(HasSubstr("PRIVATE KEY")));
  EXPECT_THAT(content(), Not(HasSubstr(certificate_.key_pem.substr(40, 30))));
  const auto loaded = file(false, &keys_).load();
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_TRUE(loaded->complete);
  ASSERT_EQ(loaded->update.upserts.size(), 3U);
  EXPECT_EQ(*loaded->update.upserts[0].bytes, *table_[1].bytes);
}

TEST_F(StateFileTest, TheKeyIsMadeOnce) {
  ASSERT_TRUE(file(false, &keys_).save(table_));
  const auto first = content();
  ASSERT_TRUE(file(false, &keys_).save(table_));

  EXPECT_EQ(keys_.size(), 1U);
  EXPECT_NE(content(), first);  // another nonce
}

TEST_F(StateFileTest, WithoutAKeyringCertificatesAreLeftOutAndTheTableIsNotComplete) {
  ASSERT_EQ(*file(false, nullptr).save(table_), Secrets::LeftOut);

  EXPECT_THAT(content(), Not(HasSubstr("PRIVATE KEY")));
  const auto loaded = file(false, nullptr).load();
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(loaded->complete);
  EXPECT_EQ(names(*loaded), (std::vector{table_[0].key, table_[2].key}));
}

TEST_F(StateFileTest, ATableWithoutCertificatesIsCompleteWithoutAKeyring) {
  table_.erase(table_.begin() + 1);
  ASSERT_EQ(*file(false, nullptr).save(table_), Secrets::Sealed);

  const auto loaded = file(false, nullptr).load();
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->complete);
  EXPECT_EQ(loaded->update.upserts.size(), 2U);
}

TEST_F(StateFileTest, WhenTheKeyIsGoneTheRestIsLoaded) {
  ASSERT_TRUE(file(false, &keys_).save(table_));
  keys_.clear();
  auto loaded = file(false, &keys_).load();
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(loaded->complete);
  EXPECT_EQ(loaded->update.upserts.size(), 2U);

  file(false, &keys_).save({table_[1]}).value();  // a key of that name, but another
  ASSERT_TRUE(file(false, &keys_).save(table_));
  keys_.begin()->second.fill(0xee);
  loaded = file(false, &keys_).load();
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(loaded->complete);
}

TEST_F(StateFileTest, ALargeTableComesBack) {
  for (int i = 0; i < 20'000; ++i) {
    table_.push_back(table::encode(make_host("h" + std::to_string(i) + ".example")));
  }
  ASSERT_TRUE(file(false, &keys_).save(table_));
  const auto loaded = file(false, &keys_).load();
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->update.upserts.size(), table_.size());
}

TEST_F(StateFileTest, NoFileIsUnavailable) {
  const auto loaded = file(true, nullptr).load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, util::Error::Code::Unavailable);
}

TEST_F(StateFileTest, ABrokenFileIsMalformedWithAReason) {
  ASSERT_TRUE(file(false, &keys_).save(table_));
  const auto good = content();

  overwrite("");
  EXPECT_EQ(load_error(), "is too short");
  overwrite("something else entirely, long enough to be looked at closely");
  EXPECT_EQ(load_error(), "is no state file of this version");
  for (const std::size_t length : {good.size() - 1, good.size() / 2, std::size_t{44}}) {
    overwrite(good.substr(0, length));
    EXPECT_EQ(load_error(), "has a wrong checksum");
  }
  for (std::size_t at = 8; at < good.size(); at += 7) {
    auto changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    overwrite(changed);
    EXPECT_EQ(load_error(), "has a wrong checksum") << at;
  }
}

TEST_F(StateFileTest, AFileWithTheRightChecksumAndWrongContentIsMalformed) {
  std::string forged = "WEIRSTA1";
  forged += std::string(4 + 7, '\0') + '\x05' + std::string(8, '\0') + "WEIR?";
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(forged.data());
  const auto checksum = util::hash_content({bytes, forged.size()});
  forged.append(reinterpret_cast<const char*>(checksum.data()), checksum.size());
  overwrite(forged);
  EXPECT_EQ(load_error(), "ends inside of a frame");
}

TEST_F(StateFileTest, AFolderThatIsNotThereIsAnErrorThatNamesThePath) {
  StateFile elsewhere(folder_.path("no/state"), std::make_unique<MemoryKeys>(nullptr), true);
  const auto saved = elsewhere.save(table_);
  ASSERT_FALSE(saved);
  EXPECT_THAT(saved.error().detail, HasSubstr("no/state"));
}

TEST_F(StateFileTest, AFailedWriteLeavesTheOldFile) {
  ASSERT_TRUE(file(true, nullptr).save(table_));
  const auto before = content();
  ASSERT_EQ(::mkdir((path_ + ".tmp").c_str(), 0700), 0);  // in the way
  table_.pop_back();
  EXPECT_FALSE(file(true, nullptr).save(table_));
  EXPECT_EQ(content(), before);
}

TEST(KernelKeyStore, AKeyThatWasMadeIsFoundAgainOrTheKernelForbidsBoth) {
  const std::string name = "weir-test:" + std::to_string(::getpid());
  KernelKeyStore store;
  const auto made = store.make(name);
  EXPECT_EQ(KernelKeyStore().find(name), made);
  EXPECT_EQ(store.find(name + ":never"), std::nullopt);
}

TEST(Sealing, OpensOnlyWithTheKeyAndUnchanged) {
  SealKey key{};
  key.fill(7);
  const table::Bytes text = {1, 2, 3};
  const table::Bytes bound = {9};
  auto sealed = seal(key, text, bound).value();

  EXPECT_EQ(unseal(key, sealed, bound), text);
  EXPECT_EQ(unseal(key, sealed, table::Bytes{8}), std::nullopt);
  EXPECT_EQ(unseal(SealKey{}, sealed, bound), std::nullopt);
  EXPECT_EQ(unseal(key, std::span(sealed).first(20), bound), std::nullopt);
  sealed[13] ^= 1;
  EXPECT_EQ(unseal(key, sealed, bound), std::nullopt);
}

}  // namespace
}  // namespace weir::proxy_control

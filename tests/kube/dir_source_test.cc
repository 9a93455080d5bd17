#include "kube/dir_source.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/recorder.h"
#include "support/temp_folder.h"

namespace weir::kube {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const ObjectRef kA{Kind::ConfigMap, "default", "a"};
const ObjectRef kB{Kind::ConfigMap, "default", "b"};

std::string config(const std::string& name, const std::string& value) {
  return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {k: v" + value +
         "}\n";
}

/// The value of a ConfigMap, "" if there is none.
std::string value(const Recorder::State& state, const ObjectRef& ref) {
  const auto found = state.objects.find(ref);
  return found == state.objects.end() ? "" : std::get<ConfigMap>(found->second).data.at("k");
}

class DirSourceTest : public ::testing::Test {
 protected:
  void start() {
    auto source = DirSource::open(folder_.path("root"));
    ASSERT_TRUE(source) << source.error().detail;
    source_ = std::move(*source);
    source_->start(recorder_.sink());
    recorder_.wait("first scan",
                   [](const auto& s) { return s.synced.size() == std::size(kObjectKinds); });
  }
  void write(const std::string& name, const std::string& text) {
    folder_.write("root/" + name, text);
  }
  std::string path(const std::string& name) { return folder_.path("root/" + name); }
  Recorder::State wait_value(const ObjectRef& ref, const std::string& wanted) {
    return recorder_.wait(("value " + wanted).c_str(),
                          [&](const auto& s) { return value(s, ref) == wanted; });
  }

  test::TempFolder folder_;
  Recorder recorder_;
  std::unique_ptr<DirSource> source_;
};

TEST_F(DirSourceTest, TellsTheFirstScanInOneCall) {
  write("a.yaml", config("a", "1"));
  write("sub/deep/b.json",
        R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"},"data":{"k":"v1"}})");
  write("broken.yml", "a: b: c");
  write(".hidden.yaml", config("hidden", "1"));
  write("readme.txt", "not a manifest");
  start();

  const auto state = recorder_.state();
  ASSERT_THAT(state.calls, SizeIs(1));
  EXPECT_EQ(value(state, kA), "v1");
  EXPECT_EQ(value(state, kB), "v1");
  EXPECT_THAT(state.objects, SizeIs(2));
  const ObjectRef broken{Kind::Manifest, "", "broken.yml"};
  ASSERT_THAT(state.problems, SizeIs(1));
  EXPECT_EQ(state.problems.at(broken)[0].code, "ManifestUnreadable");
  EXPECT_THAT(state.problems.at(broken)[0].message, HasSubstr("broken.yml:1"));
}

TEST_F(DirSourceTest, AnEmptyFolderIsSynced) {
  fs::create_directory(path(""));
  start();
  EXPECT_THAT(recorder_.state().objects, IsEmpty());
}

TEST_F(DirSourceTest, RefusesWhatIsNotAFolder) {
  EXPECT_THAT(DirSource::open(folder_.path("none")).error().detail, HasSubstr("does not exist"));
  folder_.write("file", "");
  EXPECT_THAT(DirSource::open(folder_.path("file")).error().detail, HasSubstr("is not a folder"));
}

TEST_F(DirSourceTest, FollowsAFileThroughItsLife) {
  write("a.yaml", config("a", "1"));
  start();
  write("a.yaml", config("a", "2") + "---\n" + config("b", "2"));
  EXPECT_EQ(value(wait_value(kB, "v2"), kA), "v2");
  write("a.yaml", config("a", "2"));
  wait_value(kB, "");
  fs::rename(path("a.yaml"), path("c.yaml"));
  write("b.yaml", config("b", "3"));
  EXPECT_EQ(value(wait_value(kB, "v3"), kA), "v2");
  fs::remove(path("c.yaml"));
  wait_value(kA, "");
}

TEST_F(DirSourceTest, ARenameIsNoChange) {
  write("a.yaml", config("a", "1"));
  start();
  fs::rename(path("a.yaml"), path("z.yaml"));
  write("b.yaml", config("b", "1"));
  const auto state = wait_value(kB, "v1");
  for (std::size_t i = 1; i < state.calls.size(); ++i) {
    EXPECT_THAT(state.calls[i].removes, IsEmpty());
    EXPECT_THAT(state.calls[i].problems, IsEmpty());
  }
}

TEST_F(DirSourceTest, AnEditorThatMovesAwayFirstRemovesNothing) {
  write("a.yaml", config("a", "1"));
  start();
  fs::rename(path("a.yaml"), path("a.yaml~"));
  write("a.yaml", config("a", "2"));
  const auto state = wait_value(kA, "v2");
  for (const auto& call : state.calls) EXPECT_THAT(call.removes, IsEmpty());
}

TEST_F(DirSourceTest, AnAtomicReplacementIsRead) {
  write("a.yaml", config("a", "1"));
  start();
  folder_.write("new", config("a", "2"));
  fs::rename(folder_.path("new"), path("a.yaml"));
  wait_value(kA, "v2");
}

TEST_F(DirSourceTest, ABrokenFileKeepsItsLastGoodObjects) {
  write("a.yaml", config("a", "1"));
  start();
  const ObjectRef file{Kind::Manifest, "", "a.yaml"};
  write("a.yaml", "a: b: c");
  auto state = recorder_.wait("problem", [&](const auto& s) { return s.problems.contains(file); });
  EXPECT_EQ(value(state, kA), "v1");
  write("a.yaml", config("a", "1"));
  state = recorder_.wait("mended", [&](const auto& s) { return !s.problems.contains(file); });
  EXPECT_EQ(value(state, kA), "v1");
  write("a.yaml", "a: b: c");
  recorder_.wait("problem", [&](const auto& s) { return s.problems.contains(file); });
  fs::remove(path("a.yaml"));
  state = wait_value(kA, "");
  EXPECT_THAT(state.problems, IsEmpty());
}

TEST_F(DirSourceTest, ARefusedObjectKeepsItsLastGoodVersionAndStopsNoOther) {
  write("a.yaml", config("a", "1") + "---\n" + config("b", "1"));
  start();
  write("a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: 7\n---\n" + config("b", "2"));
  auto state = wait_value(kB, "v2");
  EXPECT_EQ(value(state, kA), "v1");
  ASSERT_THAT(state.problems, SizeIs(1));
  EXPECT_EQ(state.problems.at(kA)[0].field, "data");
  write("a.yaml", config("b", "2"));
  state = wait_value(kA, "");
  EXPECT_THAT(state.problems, IsEmpty());
}

TEST_F(DirSourceTest, TheFirstFileByPathOwnsAnObject) {
  write("2.yaml", config("a", "2"));
  write("3.yaml", config("a", "3"));
  start();
  EXPECT_EQ(value(recorder_.state(), kA), "v2");
  EXPECT_THAT(recorder_.state().problems.at(kA)[0].message, HasSubstr("3.yaml:1"));
  EXPECT_THAT(recorder_.state().problems.at(kA)[0].message, HasSubstr("2.yaml:1"));
  write("1.yaml", config("a", "1"));
  EXPECT_THAT(wait_value(kA, "v1").problems.at(kA), SizeIs(2));
  fs::remove(path("1.yaml"));
  fs::remove(path("2.yaml"));
  EXPECT_THAT(wait_value(kA, "v3").problems, IsEmpty());
}

TEST_F(DirSourceTest, AnEqualFileIsNoEvent) {
  write("a.yaml", config("a", "1"));
  start();
  write("a.yaml", "# moved down\n" + config("a", "1"));
  write("b.yaml", config("b", "1"));
  const auto state = wait_value(kB, "v1");
  for (std::size_t i = 1; i < state.calls.size(); ++i) {
    for (const auto& object : state.calls[i].upserts) EXPECT_EQ(ref_of(object), kB);
  }
}

TEST_F(DirSourceTest, AFileIsReadWhenItsWriterIsDone) {
  fs::create_directory(path(""));
  start();
  const auto text = config("a", "1") + "---\n" + config("b", "1");
  std::ofstream file(path("a.yaml"));
  file << text.substr(0, text.size() / 2) << std::flush;
  file << text.substr(text.size() / 2);
  file.close();
  const auto state = wait_value(kB, "v1");
  EXPECT_EQ(value(state, kA), "v1");
  EXPECT_THAT(state.problems, IsEmpty());
}

TEST_F(DirSourceTest, FollowsFolders) {
  write("x/y/a.yaml", config("a", "1"));
  start();
  write("new/deep/b.yaml", config("b", "1"));
  wait_value(kB, "v1");
  write("new/deep/b.yaml", config("b", "2"));
  wait_value(kB, "v2");
  fs::rename(path("x"), path("z"));
  write("z/y/a.yaml", config("a", "2"));
  wait_value(kA, "v2");
  fs::remove_all(path("z"));
  wait_value(kA, "");
  folder_.write("outside/a.yaml", config("a", "3"));
  fs::rename(folder_.path("outside"), path("inside"));
  wait_value(kA, "v3");
  fs::rename(path("inside"), folder_.path("outside"));
  wait_value(kA, "");
}

TEST_F(DirSourceTest, FollowsTheSwapsOfAConfigMapMount) {
  write("..1/a.yaml", config("a", "1"));
  write("..1/sub/b.yaml", config("b", "1"));
  fs::create_symlink("..1", path("..data"));
  fs::create_symlink("..data/a.yaml", path("a.yaml"));
  fs::create_symlink("..data/sub", path("sub"));
  start();
  EXPECT_EQ(value(recorder_.state(), kA), "v1");
  EXPECT_EQ(value(recorder_.state(), kB), "v1");
  for (int i = 2; i < 5; ++i) {
    const auto version = std::to_string(i);
    write(".." + version + "/a.yaml", config("a", version));
    write(".." + version + "/sub/b.yaml", config("b", version));
    fs::create_symlink(".." + version, path("..data_tmp"));
    fs::rename(path("..data_tmp"), path("..data"));
    fs::remove_all(path(".." + std::to_string(i - 1)));
    EXPECT_EQ(value(wait_value(kA, "v" + version), kB), "v" + version);
  }
  for (const auto& call : recorder_.state().calls) EXPECT_THAT(call.removes, IsEmpty());
}

TEST_F(DirSourceTest, FollowsALinkToAFileElsewhere) {
  folder_.write("elsewhere/a.yaml", config("a", "1"));
  fs::create_directory(path(""));
  fs::create_symlink(folder_.path("elsewhere/a.yaml"), path("a.yaml"));
  start();
  EXPECT_EQ(value(recorder_.state(), kA), "v1");
  folder_.write("elsewhere/a.yaml", config("a", "2"));
  wait_value(kA, "v2");
}

TEST_F(DirSourceTest, SurvivesLinksInCirclesAndPipes) {
  write("a.yaml", config("a", "1"));
  fs::create_symlink(".", path("loop"));
  fs::create_symlink("..", path("up"));
  fs::create_symlink("nowhere.yaml", path("dangling.yaml"));
  ASSERT_EQ(::mkfifo(path("pipe.yaml").c_str(), 0600), 0);
  start();
  EXPECT_THAT(recorder_.state().objects, SizeIs(1));
  write("a.yaml", config("a", "2"));
  wait_value(kA, "v2");
}

TEST_F(DirSourceTest, TheFolderItselfMayBeReplaced) {
  write("a.yaml", config("a", "1"));
  start();
  folder_.write("new/a.yaml", config("a", "2"));
  fs::rename(path(""), folder_.path("old"));
  fs::rename(folder_.path("new"), folder_.path("root"));
  const auto state = wait_value(kA, "v2");
  for (const auto& call : state.calls) EXPECT_THAT(call.removes, IsEmpty());
  folder_.write("old/a.yaml", config("a", "old"));
  write("b.yaml", config("b", "1"));
  EXPECT_EQ(value(wait_value(kB, "v1"), kA), "v2");
}

TEST_F(DirSourceTest, SaysNothingAfterStop) {
  write("a.yaml", config("a", "1"));
  start();
  source_->stop();
  source_->stop();
  write("a.yaml", config("a", "2"));
  EXPECT_THAT(recorder_.state().calls, SizeIs(1));
}

}  // namespace
}  // namespace weir::kube

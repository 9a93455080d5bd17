#include "util/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_folder.h"

namespace weir::util {
namespace {

using testing::HasSubstr;

TEST(UnixListener, SocketIsForUserAndGroup) {
  const test::TempFolder folder;
  const auto fd = listen_unix(folder.path("s"), 0660);
  ASSERT_TRUE(fd) << fd.error().detail;
  struct stat status {};
  ASSERT_EQ(::stat((folder.path("s")).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U);
  ::close(*fd);
}

TEST(UnixListener, StaleSocketIsReplacedALiveOneIsNot) {
  const test::TempFolder folder;
  const auto first = listen_unix(folder.path("s"), 0660);
  ASSERT_TRUE(first);
  const auto beside = listen_unix(folder.path("s"), 0660);
  ASSERT_FALSE(beside);
  EXPECT_THAT(beside.error().detail, HasSubstr("another process listens on"));

  ::close(*first);
  const auto second = listen_unix(folder.path("s"), 0660);
  ASSERT_TRUE(second) << second.error().detail;
  const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  folder.path("s").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(*second);
}

TEST(UnixListener, OtherFilesAreLeftAlone) {
  const test::TempFolder folder;
  std::ofstream(folder.path("file")) << "precious";
  EXPECT_FALSE(listen_unix(folder.path("file"), 0660));
  EXPECT_TRUE(std::filesystem::exists(folder.path("file")));
}

TEST(UnixListener, FolderMustExistAndThePathFit) {
  const test::TempFolder folder;
  EXPECT_FALSE(listen_unix(folder.path("missing/s"), 0660));
  EXPECT_FALSE(listen_unix(folder.path(std::string(108, 's')), 0660));
  EXPECT_FALSE(listen_unix("", 0660));
}

TEST(UnixListener, OnlyOurUserRootAndOurGroupAreAllowed) {
  EXPECT_TRUE(is_allowed({1, 65532, 1}, 65532, 65532));
  EXPECT_TRUE(is_allowed({1, 0, 0}, 65532, 65532));
  EXPECT_TRUE(is_allowed({1, 1000, 65532}, 65532, 65532));
  EXPECT_FALSE(is_allowed({1, 1000, 1000}, 65532, 65532));
  EXPECT_FALSE(is_allowed({1, 1000, 0}, 65532, 65532));
}

TEST(UnixListener, PeerIsWhoConnected) {
  const test::TempFolder folder;
  const auto fd = listen_unix(folder.path("s"), 0660);
  ASSERT_TRUE(fd);
  const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  folder.path("s").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const int connection = ::accept(*fd, nullptr, nullptr);
  ASSERT_GE(connection, 0);
  const auto peer = peer_of(connection);
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->pid, ::getpid());
  EXPECT_EQ(peer->uid, ::geteuid());
  ::close(client);
  ::close(connection);
  ::close(*fd);
}

}  // namespace
}  // namespace weir::util

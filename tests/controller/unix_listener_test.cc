#include "controller/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/scripted_proxy.h"
#include "support/temp_folder.h"

namespace weir::controller {
namespace {

using testing::HasSubstr;

TEST(UnixListener, SocketIsForUserAndGroup) {
  const test::TempFolder folder;
  const auto fd = listen_unix(folder.path("s"));
  ASSERT_TRUE(fd) << fd.error().detail;
  struct stat status {};
  ASSERT_EQ(::stat((folder.path("s")).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U);
  ::close(*fd);
}

TEST(UnixListener, StaleSocketIsReplacedALiveOneIsNot) {
  const test::TempFolder folder;
  const auto first = listen_unix(folder.path("s"));
  ASSERT_TRUE(first);
  const auto beside = listen_unix(folder.path("s"));
  ASSERT_FALSE(beside);
  EXPECT_THAT(beside.error().detail, HasSubstr("another process listens on"));

  ::close(*first);
  const auto second = listen_unix(folder.path("s"));
  ASSERT_TRUE(second) << second.error().detail;
  test::ScriptedProxy proxy(folder.path("s"));
  ::close(*second);
}

TEST(UnixListener, OtherFilesAreLeftAlone) {
  const test::TempFolder folder;
  std::ofstream(folder.path("file")) << "precious";
  EXPECT_FALSE(listen_unix(folder.path("file")));
  EXPECT_TRUE(std::filesystem::exists(folder.path("file")));
}

TEST(UnixListener, FolderMustExistAndThePathFit) {
  const test::TempFolder folder;
  EXPECT_FALSE(listen_unix(folder.path("missing/s")));
  EXPECT_FALSE(listen_unix(folder.path(std::string(108, 's'))));
  EXPECT_FALSE(listen_unix(""));
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
  const auto fd = listen_unix(folder.path("s"));
  ASSERT_TRUE(fd);
  test::ScriptedProxy proxy(folder.path("s"));
  const int connection = ::accept(*fd, nullptr, nullptr);
  ASSERT_GE(connection, 0);
  const auto peer = peer_of(connection);
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->pid, ::getpid());
  EXPECT_EQ(peer->uid, ::geteuid());
  ::close(connection);
  ::close(*fd);
}

}  // namespace
}  // namespace weir::controller

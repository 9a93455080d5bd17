#include <sys/prctl.h>

#include <csignal>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "common/flags.h"
#include "controller/controller.h"
#include "util/log.h"
#include "weir-controller/controller_flags.h"

namespace {

using weir::cmd::ControllerFlags;

int run(const weir::cmd::Flags& flags, const weir::controller::Options& options,
        ControllerFlags::Opened opened) {
  boost::asio::io_context io{1};  // 1: this thread alone runs it
  auto controller = weir::controller::Controller::create(io, options, std::move(opened.source),
                                                         opened.credentials);
  if (!controller) {
    // "--flag: what is wrong"
    const auto& detail = controller.error().detail;
    const auto colon = detail.find(": ");
    return flags.refuse(detail.substr(0, colon), detail.substr(colon + 2));
  }
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int signal) {
    if (error) return;
    weir::util::log::info("signal {}: ending", signal);
    (*controller)->stop();
  });
  (*controller)->start();
  io.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  weir::cmd::Flags flags("weir-controller",
                         "Watches Kubernetes objects and keeps proxies in step with them.");
  ControllerFlags given(flags);
  if (const auto exit_code = flags.parse(argc, argv)) return *exit_code;
  const auto options = given.options();
  if (const auto* refused = std::get_if<ControllerFlags::Refused>(&options)) {
    return flags.refuse(refused->flag, refused->message);
  }
#if !defined(__SANITIZE_ADDRESS__)  // LeakSanitizer attaches to its own process
  // Private keys and a token are in memory: no core dump, and nobody of the same user may attach.
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
  weir::util::log::init("weir-controller", given.log_level());
  given.warn_of_unused(flags);
  auto source = given.open_source();
  if (const auto* refused = std::get_if<ControllerFlags::Refused>(&source)) {
    return flags.refuse(refused->flag, refused->message);
  }
  return run(flags, std::get<weir::controller::Options>(options),
             std::get<ControllerFlags::Opened>(std::move(source)));
}

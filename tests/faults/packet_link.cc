#include "faults/packet_link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace weir::test {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLargestPacket = 65'536;

[[noreturn]] void refuse(const std::string& what) {
  throw std::runtime_error(what + " (" + std::strerror(errno) +
                           "): these tests need root, /dev/net/tun and CAP_SYS_ADMIN");
}

int this_network() {
  return ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

void enter(int network) {
  if (::setns(network, CLONE_NEWNET) != 0) refuse("no way into a network namespace");
}

void enter_new_network() {
  if (::unshare(CLONE_NEWNET) != 0) refuse("no new network namespace can be made");
}

void name_device(ifreq& request, std::string_view name) {
  request.ifr_name[name.copy(request.ifr_name, IFNAMSIZ - 1)] = '\0';
}

void bring_up(int socket, ifreq request) {
  request.ifr_flags = IFF_UP;
  if (::ioctl(socket, SIOCSIFFLAGS, &request) != 0) refuse("a network device does not come up");
}

/// The TUN device of this thread's network, up, as is "lo".
int make_device(const char* address) {
  const int device = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (device < 0) refuse("/dev/net/tun cannot be opened");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  name_device(request, "link");
  if (::ioctl(device, TUNSETIFF, &request) != 0) refuse("no TUN device can be made");

  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto set_address = [&](unsigned long what, const char* text) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    ::inet_pton(AF_INET, text, &name.sin_addr);
    std::memcpy(&request.ifr_addr, &name, sizeof name);
    if (::ioctl(socket, what, &request) != 0) refuse("a TUN device takes no address");
  };
  set_address(SIOCSIFADDR, address);
  set_address(SIOCSIFNETMASK, "255.255.255.0");
  bring_up(socket, request);
  name_device(request, "lo");
  bring_up(socket, request);
  ::close(socket);
  return device;
}

/// RFC 1071, going on from `sum`.
std::uint32_t sum_up(const void* bytes, std::size_t size, std::uint32_t sum = 0) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  for (std::size_t i = 0; i < size; ++i) sum += i % 2 == 0 ? at[i] * 256U : at[i];
  return sum;
}

std::uint16_t checksum(std::uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<std::uint16_t>(~sum));
}

void finish_ip(iphdr& ip, std::size_t size) {
  ip.tot_len = htons(static_cast<std::uint16_t>(size));
  ip.check = 0;
  ip.check = checksum(sum_up(&ip, sizeof ip));
}

/// Makes a reset of a TCP packet with data in it; false if it is none.
bool make_reset(std::string& packet) {
  iphdr ip{};
  tcphdr tcp{};
  if (packet.size() < sizeof ip + sizeof tcp) return false;
  std::memcpy(&ip, packet.data(), sizeof ip);
  if (ip.version != 4 || ip.ihl != 5 || ip.protocol != IPPROTO_TCP) return false;
  std::memcpy(&tcp, packet.data() + sizeof ip, sizeof tcp);
  if (packet.size() <= sizeof ip + tcp.doff * std::size_t{4}) return false;

  tcp.th_flags = TH_RST | TH_ACK;
  tcp.doff = sizeof tcp / 4;
  tcp.check = 0;
  const auto pseudo_header = sum_up(&ip.saddr, 8, IPPROTO_TCP + sizeof tcp);
  tcp.check = checksum(sum_up(&tcp, sizeof tcp, pseudo_header));
  packet.resize(sizeof ip + sizeof tcp);
  finish_ip(ip, packet.size());
  std::memcpy(packet.data(), &ip, sizeof ip);
  std::memcpy(packet.data() + sizeof ip, &tcp, sizeof tcp);
  return true;
}

/// ICMP host unreachable (RFC 792) about `packet`; empty if it is no IPv4.
std::string make_unreachable(const std::string& packet) {
  iphdr ip{};
  if (packet.size() < sizeof ip + 8) return {};
  std::memcpy(&ip, packet.data(), sizeof ip);
  if (ip.version != 4) return {};
  const auto quoted = packet.substr(0, ip.ihl * std::size_t{4} + 8);

  icmphdr icmp{};
  icmp.type = ICMP_DEST_UNREACH;
  icmp.code = ICMP_HOST_UNREACH;
  icmp.checksum = checksum(sum_up(quoted.data(), quoted.size(), sum_up(&icmp, sizeof icmp)));
  std::swap(ip.saddr, ip.daddr);
  ip.ihl = 5;
  ip.ttl = 64;
  ip.frag_off = 0;
  ip.protocol = IPPROTO_ICMP;
  finish_ip(ip, sizeof ip + sizeof icmp + quoted.size());
  std::string answer(reinterpret_cast<const char*>(&ip), sizeof ip);
  answer.append(reinterpret_cast<const char*>(&icmp), sizeof icmp);
  return answer + quoted;
}

}  // namespace

PacketLink::PacketLink() : home_(this_network()) {
  enter_new_network();
  far_.network = this_network();
  far_.device = make_device(kFar);
  enter_new_network();
  near_.network = this_network();
  near_.device = make_device(kNear);
  if (::pipe2(stop_, O_CLOEXEC) != 0) refuse("no pipe");
  carrier_ = std::thread([this] { carry(); });
}

PacketLink::~PacketLink() {
  ::close(stop_[1]);
  carrier_.join();
  enter(home_);
  for (const int fd : {stop_[0], near_.device, far_.device, near_.network, far_.network, home_}) {
    ::close(fd);
  }
}

PacketLink::Visit::Visit(const PacketLink& of) : link(of) {
  enter(link.far_.network);
}

PacketLink::Visit::~Visit() {
  enter(link.near_.network);
}

void PacketLink::set_weather(Weather weather) {
  const std::lock_guard lock(mutex_);
  weather_ = weather;
}

void PacketLink::set_delay(milliseconds delay) {
  const std::lock_guard lock(mutex_);
  delay_ = delay;
}

void PacketLink::set_loss_percent(unsigned percent) {
  const std::lock_guard lock(mutex_);
  loss_percent_ = percent;
}

void PacketLink::reset_next() {
  const std::lock_guard lock(mutex_);
  reset_next_ = true;
}

void PacketLink::carry() {
  for (;;) {
    int wait = -1;
    for (const auto* end : {&near_, &far_}) {
      if (end->to_it.empty()) continue;
      const auto left = std::chrono::ceil<milliseconds>(end->to_it.front().due - Clock::now());
      const auto ms = static_cast<int>(std::max(left, milliseconds(0)).count());
      wait = wait < 0 ? ms : std::min(wait, ms);
    }
    pollfd events[] = {{near_.device, POLLIN, 0}, {far_.device, POLLIN, 0}, {stop_[0], POLLIN, 0}};
    ::poll(events, std::size(events), wait);
    if (events[2].revents != 0) return;
    while (take(near_, far_)) {
    }
    while (take(far_, near_)) {
    }
    while (deliver(near_)) {
    }
    while (deliver(far_)) {
    }
  }
}

bool PacketLink::take(End& from, End& to) {
  std::string packet(kLargestPacket, '\0');
  const auto size = ::read(from.device, packet.data(), packet.size());
  if (size <= 0) return false;
  packet.resize(static_cast<std::size_t>(size));
  const std::lock_guard lock(mutex_);
  if (goes_no_further(packet, from, &from == &far_)) {
    ++lost_;
    return true;
  }
  to.to_it.push_back({std::move(packet), Clock::now() + delay_});
  return true;
}

bool PacketLink::deliver(End& end) {
  if (end.to_it.empty() || end.to_it.front().due > Clock::now()) return false;
  const auto& bytes = end.to_it.front().bytes;
  // What a device does not take is lost, as on any network.
  if (::write(end.device, bytes.data(), bytes.size()) < 0) errno = 0;
  end.to_it.pop_front();
  return true;
}

bool PacketLink::goes_no_further(std::string& packet, End& from, bool from_far) {
  if (loss_percent_ != 0 && random_() % 100 < loss_percent_) return true;
  if (weather_ == Weather::Unreachable && !from_far) {
    if (auto answer = make_unreachable(packet); !answer.empty()) {
      from.to_it.push_back({std::move(answer), Clock::now()});
    }
  }
  if (weather_ != Weather::Fair) return true;
  if (from_far && reset_next_ && make_reset(packet)) reset_next_ = false;
  return false;
}

}  // namespace weir::test

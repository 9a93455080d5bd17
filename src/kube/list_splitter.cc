#include "kube/list_splitter.h"

namespace weir::kube {

namespace {

constexpr std::size_t kMaxHead = 1 << 20;
constexpr std::size_t kListDepth = 1;   // inside of the list object
constexpr std::size_t kItemsDepth = 2;  // inside of its items

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace

ListSplitter::ListSplitter(std::size_t max_item, OnItem on_item)
    : max_item_(max_item), on_item_(std::move(on_item)) {}

bool ListSplitter::feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (c == '\n') ++line_;
    if (in_string_) {
      keep(c);
      if (depth_ == kListDepth && c != '"' && word_.size() < 16) word_ += c;
      if (!escaped_ && c == '"') in_string_ = false;
      escaped_ = !escaped_ && c == '\\';
    } else {
      on_structure(c);
    }
    if (head_.size() > kMaxHead) return false;
  }
  return true;
}

void ListSplitter::on_structure(char c) {
  if (is_space(c) && depth_ == kItemsDepth && place_ != Place::Head) return;
  switch (c) {
    case '"':
      if (place_ == Place::Items) begin_item();
      in_string_ = true;
      if (depth_ == kListDepth) word_.clear();
      keep(c);
      return;
    case '{':
    case '[':
      if (place_ == Place::Items) begin_item();
      keep(c);
      ++depth_;
      if (depth_ == kItemsDepth && c == '[' && word_ == "items") place_ = Place::Items;
      return;
    case '}':
    case ']':
      if (depth_ == kItemsDepth && place_ != Place::Head) {
        end_item();
        place_ = Place::Head;
      }
      keep(c);
      if (depth_ > 0) --depth_;
      return;
    case ',':
      if (depth_ == kItemsDepth && place_ != Place::Head) {
        end_item();
        return;
      }
      keep(c);
      return;
    default:
      if (place_ == Place::Items) begin_item();
      keep(c);
  }
}

void ListSplitter::begin_item() {
  place_ = Place::Item;
  item_line_ = line_;
  item_.clear();
}

void ListSplitter::end_item() {
  if (place_ != Place::Item) return;
  place_ = Place::Items;
  if (item_.size() > max_item_) {
    ++oversized_;
  } else {
    on_item_(item_, item_line_);
  }
}

void ListSplitter::keep(char c) {
  if (place_ == Place::Head) {
    head_ += c;
  } else if (item_.size() <= max_item_) {
    item_ += c;
  }
}

}  // namespace weir::kube

#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace weir::kube {

/// Takes a JSON list apart while it arrives, so that no more than one item is held as text at a
/// time. Follows brackets and strings only: whether an item is good JSON is its decoder's business.
class ListSplitter {
 public:
  /// `on_item` gets the text of each element of the top-level member "items", and the line (from 1)
  /// where it begins. Items over `max_item` bytes are passed over and counted.
  using OnItem = std::function<void(std::string_view item, std::size_t line)>;
  ListSplitter(std::size_t max_item, OnItem on_item);

  /// False if what is around the items is over 1 MiB; then nothing more is read.
  bool feed(std::string_view bytes);

  /// What is around the items: the object with "items":[]. Good JSON if the list was.
  const std::string& head() const { return head_; }
  std::size_t oversized() const { return oversized_; }

 private:
  enum class Place { Head, Items, Item };

  void on_structure(char c);
  void begin_item();
  void end_item();
  void keep(char c);

  std::size_t max_item_;
  OnItem on_item_;
  std::string head_;
  std::string item_;
  std::string word_;  // the last string of the top level, cut at 16 bytes
  Place place_ = Place::Head;
  std::size_t depth_ = 0;  // open brackets
  std::size_t line_ = 1;
  std::size_t item_line_ = 1;
  std::size_t oversized_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace weir::kube

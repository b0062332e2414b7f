#pragma once

// Raw slices of a parsed document, so that `id`, `arguments` and `result` are passed on byte for
// byte. The DOM says what a member is called and what it holds, the slice how it was spelt.

#include <cstddef>
#include <optional>
#include <string_view>

#include "json/parse.h"

namespace mcpgate::json {

/// A member of an object: its decoded key, its value, and the bytes of the value as they were sent,
/// without blanks around them.
struct Member {
  std::string_view key;
  Element value;
  std::string_view raw;
};

/// An element of an array, with its bytes.
struct Item {
  Element value;
  std::string_view raw;
};

/// Steps over the values of one object or array in text that has been validated; for Members and
/// Items. On any text whatever it stays within the text and ends.
class RawScanner {
 public:
  /// `text` is the object or array, blanks around it allowed.
  explicit RawScanner(std::string_view text);

  /// The token of the next key, with its quotes; only in objects, before each next_value().
  std::string_view next_key();
  /// The next value without blanks around it; empty at the end.
  std::string_view next_value();
  /// The same for the last value: it ends where the object or array does, so its bytes are not
  /// read.
  std::string_view last_value();

 private:
  void skip_blanks();
  void skip_separator();
  const char* position_;
  const char* end_;
};

/// The members of an object in order, to be used in a range-based for:
/// `for (const Member& member : Members(object, body))`.
///
/// `text` must be what `object` was parsed from: the parsed document where the object is its root,
/// else a `raw` slice from a Members or Items over it. Views into both live as long as those.
class Members {
 public:
  Members(Object object, std::string_view text) : object_(object), text_(text) {}

  struct End {};
  class Iterator {
   public:
    Iterator(Object object, std::string_view text);
    const Member& operator*() const { return member_; }
    const Member* operator->() const { return &member_; }
    Iterator& operator++();
    bool operator==(End /*end*/) const { return !(field_ != end_); }

   private:
    void load();
    Object::iterator field_;
    Object::iterator end_;
    RawScanner scanner_;
    Member member_;
  };
  [[nodiscard]] Iterator begin() const { return {object_, text_}; }
  [[nodiscard]] static End end() { return {}; }

 private:
  Object object_;
  std::string_view text_;
};

/// The elements of an array in order; as Members.
class Items {
 public:
  Items(Array array, std::string_view text) : array_(array), text_(text) {}

  struct End {};
  class Iterator {
   public:
    Iterator(Array array, std::string_view text);
    const Item& operator*() const { return item_; }
    const Item* operator->() const { return &item_; }
    Iterator& operator++();
    bool operator==(End /*end*/) const { return !(element_ != end_); }

   private:
    void load();
    Array::iterator element_;
    Array::iterator end_;
    RawScanner scanner_;
    Item item_;
  };
  [[nodiscard]] Iterator begin() const { return {array_, text_}; }
  [[nodiscard]] static End end() { return {}; }

 private:
  Array array_;
  std::string_view text_;
};

/// The member called `key`, the first where there are two.
[[nodiscard]] std::optional<Member> find_member(Object object, std::string_view text,
                                                std::string_view key);

}  // namespace mcpgate::json

#pragma once

// Finding the next byte of a kind, 16 at a time: strings of logs and code are long, and going byte
// by byte through them was half of all instructions of a request.

#include <bit>
#include <cstddef>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace mcpgate::json {

#ifdef __SSE2__
using Block = __m128i;
inline Block equals(Block block, char byte) {
  return _mm_cmpeq_epi8(block, _mm_set1_epi8(byte));
}
#endif

/// The first byte of [begin, end) of Kind, or end. `Kind::is(char)` tells one byte and
/// `Kind::mask(Block)` sixteen.
template <class Kind>
const char* find_first(const char* begin, const char* end) {
#ifdef __SSE2__
  for (; end - begin >= 16; begin += 16) {
    const Block block = _mm_loadu_si128(reinterpret_cast<const Block*>(begin));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(Kind::mask(block)));
    if (mask != 0) {
      return begin + std::countr_zero(mask);
    }
  }
#endif
  while (begin != end && !Kind::is(*begin)) {
    ++begin;
  }
  return begin;
}

/// What ends or bends a string that is known to be valid.
struct QuoteOrBackslash {
  static bool is(char byte) { return byte == '"' || byte == '\\'; }
#ifdef __SSE2__
  static Block mask(Block block) { return _mm_or_si128(equals(block, '"'), equals(block, '\\')); }
#endif
};

/// `begin` is at the opening quote; returns one past the closing one, or end where there is none.
inline const char* skip_string(const char* begin, const char* end) {
  ++begin;
  while ((begin = find_first<QuoteOrBackslash>(begin, end)) != end) {
    if (*begin == '"') {
      return begin + 1;
    }
    if (end - begin < 2) {
      return end;
    }
    begin += 2;
  }
  return end;
}

/// What changes the depth, or starts a string in which brackets mean nothing.
struct QuoteOrBracket {
  static bool is(char byte) {
    return byte == '"' || byte == '{' || byte == '}' || byte == '[' || byte == ']';
  }
#ifdef __SSE2__
  static Block mask(Block block) {
    const Block folded = _mm_or_si128(block, _mm_set1_epi8(0x20));  // [ ] become { }
    return _mm_or_si128(equals(block, '"'), _mm_or_si128(equals(folded, '{'), equals(folded, '}')));
  }
#endif
};

/// What a string being written cannot hold as it is.
struct NeedsEscape {
  static bool is(char byte) {
    return byte == '"' || byte == '\\' || static_cast<unsigned char>(byte) < 0x20;
  }
#ifdef __SSE2__
  static Block mask(Block block) {
    const Block control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
    return _mm_or_si128(control, QuoteOrBackslash::mask(block));
  }
#endif
};

}  // namespace mcpgate::json

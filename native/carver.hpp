// Cutting the caller's memory into arrays.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

// Each array begins a cache line of its own.
class Carver {
public:
    explicit Carver(char* base) : base_(round_up(reinterpret_cast<std::uintptr_t>(base), line)) {}

    template <class U>
    U* take(size_t count) {
        U* const at = reinterpret_cast<U*>(base_ + size_);
        size_ = round_up(size_ + count * sizeof(U), line);
        return at;
    }
    // Bytes that hold all, wherever they begin.
    size_t size() const { return size_ + line; }

private:
    static constexpr size_t line = 64;
    std::uintptr_t base_;
    size_t size_ = 0;
};

}  // namespace cofactor::COFACTOR_ISA

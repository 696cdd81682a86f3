// Where greedy k-means++ keeps its rows, so that near ones are looked at together.
//
// Rows lie in slots, ordered so that rows close to each other are neighbours. Sixteen slots are a
// strip, in which four coordinates of 8 bits lie beside those of the next slot; sixteen
// strips are a block. The first coordinates lie apart from the others, which are needed less often.
#pragma once

#include "bytes.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t strip_slots = 16, block_slots = strip_slots * strip_slots;
constexpr std::int32_t no_row = 1 << 30;  // norm of an empty slot: it is in no one's reach
constexpr size_t prefetched_bytes = 512;  // of a row; the machine itself fetches what follows

template <class N>
COFACTOR_INLINE void prefetch(const N* data, size_t count, size_t most = prefetched_bytes) {
    const size_t bytes = smaller(count * sizeof(N), most);
    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch(reinterpret_cast<const char*>(data) + at);
}

// Halves ascending rows along the widest coordinate until they fit into strips; rows of each part
// still ascend.
class Halving {
public:
    Halving(Matrix<const std::uint8_t> Q, size_t columns, size_t most)
        : Q_(Q), columns_(columns), values_(most), seconds_(most), spreads_(columns) {}

    // Order rows until at most `least` are left together.
    void order(Label* rows, size_t count, size_t least) {
        while (count > larger(least, strip_slots)) {
            const size_t middle = round_up(count / 2, strip_slots);
            part(rows, count, middle, widest(rows, count));
            order(rows + middle, count - middle, least);
            count = middle;
        }
    }

private:
    // Bring the rows with the `middle` least values of a column, the first ones among equals, before
    // the others. No branch depends on a value: which half it goes to cannot be foretold.
    void part(Label* rows, size_t count, size_t middle, size_t column) {
        size_t of_value[256]{};
        for (size_t i = 0; i < count; ++i) {
            values_[i] = row_of(rows[i])[column];
            ++of_value[values_[i]];
        }
        size_t last = 0, left = middle;  // the largest value of the first half, and how many have it
        for (; left > of_value[last]; ++last) left -= of_value[last];
        size_t first = 0, second = 0;
        for (size_t i = 0; i < count; ++i) {
            const bool equal = values_[i] == last, stays = (values_[i] < last) | (equal & (left > 0));
            left -= equal & stays;
            const Label row = rows[i];
            rows[first] = seconds_[second] = row;
            first += stays;
            second += !stays;
        }
        __builtin_memcpy(rows + middle, seconds_, second * sizeof(Label));
    }

    COFACTOR_INLINE const std::uint8_t* row_of(Label row) const {
        return Q_.data + static_cast<size_t>(row) * Q_.columns;
    }

    // The column of most variance.
    size_t widest(const Label* rows, size_t count) {
        size_t l = 0;
        for (; l + together <= columns_; l += together) measure<together>(rows, count, l);
        for (; l < columns_; ++l) measure<1>(rows, count, l);
        size_t widest = 0;
        for (l = 1; l < columns_; ++l)
            if (spreads_[l] > spreads_[widest]) widest = l;
        return widest;
    }

    // The spreads of some columns; their sums are whole numbers, and exact.
    template <size_t size>
    void measure(const Label* rows, size_t count, size_t first) {
        double sums[size]{}, squares[size]{};
        for (size_t i = 0; i < count; ++i) {
            const std::uint8_t* const q = row_of(rows[i]) + first;
            for (size_t l = 0; l < size; ++l) {
                const double value = q[l];
                sums[l] += value;
                squares[l] += value * value;
            }
        }
        for (size_t l = 0; l < size; ++l)
            spreads_[first + l] = squares[l] - sums[l] * sums[l] / static_cast<double>(count);
    }

    static constexpr size_t together = 8;
    const Matrix<const std::uint8_t> Q_;
    const size_t columns_;
    const Scratch<std::uint8_t> values_;
    const Scratch<Label> seconds_;
    const Scratch<double> spreads_;
};

inline void seeding_order(Matrix<const std::uint8_t> Q, size_t columns, size_t least, Label* rows,
                          size_t count) {
    Halving(Q, columns, count).order(rows, count, least);
}

// Write as many coordinates to a slot as strips hold; return the sum of their squares.
COFACTOR_INLINE std::int32_t pack_quads(const std::uint8_t* q, size_t slot,
                                        Matrix<std::int32_t> strips) {
    std::int32_t* const out =
        strips.data + slot / strip_slots * strips.columns + slot % strip_slots;
    std::int32_t norm = 0;
    for (size_t l = 0; l < strips.columns; l += strip_slots, q += 4) {
        __builtin_memcpy(out + l, q, 4);
        for (size_t e = 0; e < 4; ++e) norm += (q[e] - 128) * (q[e] - 128);
    }
    return norm;
}

// Pack the first columns of the rows in all slots, then the columns that follow, with the norms of
// the first ones and of all. Empty slots hold those of the first row, and are in no one's reach.
inline void seeding_strips(Matrix<const std::uint8_t> Q, const Label* order,
                           Matrix<std::int32_t> firsts, Matrix<std::int32_t> others,
                           std::int32_t* first_norms, std::int32_t* norms) {
    for (size_t slot = 0; slot < firsts.rows * strip_slots; ++slot) {
        const bool empty = order[slot] < 0;
        const std::uint8_t* const q =
            Q.data + (empty ? 0 : static_cast<size_t>(order[slot]) * Q.columns);
        const std::int32_t norm = pack_quads(q, slot, firsts);
        const std::int32_t rest =
            pack_quads(q + firsts.columns / strip_slots * 4, slot, others);
        first_norms[slot] = empty ? no_row : norm;
        norms[slot] = empty ? no_row : norm + rest;
    }
}

// How coordinates are stored: the largest one, and what stands for zero.
template <class Q>
struct Stored;
template <>
struct Stored<std::uint8_t> {
    static constexpr std::int32_t end = 127, zero = 128;
};
template <>
struct Stored<std::int16_t> {
    static constexpr std::int32_t end = 16000, zero = 0;
};

// Round up to a vector of coordinates times a factor, brought between the ends; return the squares
// of how far that moves them.
template <class T, class Whole>
COFACTOR_INLINE Vec<T> round_some(const T* y, T factor, size_t count, Whole* q) {
    constexpr std::int32_t last = Stored<Whole>::end;
    const Vec<T> end = splat<T>(last);
    Vec<T> values{};
    __builtin_memcpy(&values, y, count * sizeof(T));
    const Vec<T> low = at_least(values * factor, -end), above = (low < end ? low : end) + end;
    Whole rounded[lanes<T>];
    T wholes[lanes<T>];
    for (size_t e = 0; e < lanes<T>; ++e) {
        const auto whole = static_cast<std::int32_t>(above[e] + static_cast<T>(0.5));
        rounded[e] = static_cast<Whole>(whole - last + Stored<Whole>::zero);
        wholes[e] = static_cast<T>(whole);
    }
    __builtin_memcpy(q, rounded, count * sizeof(Whole));
    const Vec<T> gap = above - load(wholes);
    return gap * gap;
}

// Bring the first coordinates times a scale between two ends and round them to whole numbers, with
// zeros in the columns that are missing; return the largest squared distance that rounding moves a
// row.
template <class T, class Whole>
double seeding_round(Matrix<const T> Y, double scale, Matrix<Whole> Q) {
    const T factor = static_cast<T>(scale);
    const size_t columns = smaller(Y.columns, Q.columns);
    double largest = 0;
    for (size_t n = 0; n < Y.rows; ++n) {
        const T* const y = Y.data + n * Y.columns;
        Whole* const q = Q.data + n * Q.columns;
        Vec<T> moved{};
        size_t l = 0;
        for (; l + lanes<T> <= columns; l += lanes<T>)
            moved += round_some(y + l, factor, lanes<T>, q + l);
        moved += round_some(y + l, factor, columns - l, q + l);
        for (l = columns; l < Q.columns; ++l) q[l] = Stored<Whole>::zero;
        largest = larger(largest, sum<T>(moved));
    }
    return largest;
}

}  // namespace cofactor::COFACTOR_ISA

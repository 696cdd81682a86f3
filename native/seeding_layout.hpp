// Where greedy k-means++ keeps its rows, so that near ones are looked at together.
//
// Rows lie in slots, ordered so that rows close to each other are neighbours. Sixteen slots are a
// strip, in which a pair of coordinates of 16 bits lies beside that of the next slot; sixteen
// strips are a block. The boxes of the strips of a block lie as the rows of a strip do.
#pragma once

#include "words.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t strip_slots = 16, block_slots = strip_slots * strip_slots;
constexpr std::int32_t no_row = 1 << 30;  // norm of an empty slot: it is in no one's reach

COFACTOR_INLINE size_t widest_column(Matrix<const std::int16_t> Q, size_t columns,
                                     const Label* rows, size_t count) {
    size_t widest = 0;
    double width = -1;
    for (size_t l = 0; l < columns; ++l) {
        std::int64_t total = 0, squares = 0;
        for (size_t i = 0; i < count; ++i) {
            const std::int64_t q = Q.data[static_cast<size_t>(rows[i]) * Q.columns + l];
            total += q;
            squares += q * q;
        }
        const double sum = static_cast<double>(total);
        const double spread =
            static_cast<double>(squares) - sum * sum / static_cast<double>(count);
        if (spread > width) width = spread, widest = l;
    }
    return widest;
}

// Order rows, whose keys differ, so that the first `middle` have the least ones.
template <class Key>
void select(Label* rows, size_t count, size_t middle, Key key) {
    std::ptrdiff_t low = 0, high = static_cast<std::ptrdiff_t>(count) - 1;
    const std::ptrdiff_t target = static_cast<std::ptrdiff_t>(middle);
    while (low < high) {
        const auto pivot = key(rows[(low + high) / 2]);
        std::ptrdiff_t i = low, j = high;
        while (i <= j) {
            while (key(rows[i]) < pivot) ++i;
            while (pivot < key(rows[j])) --j;
            if (i > j) break;
            const Label row = rows[i];
            rows[i++] = rows[j];
            rows[j--] = row;
        }
        if (target <= j)
            high = j;
        else if (target >= i)
            low = i;
        else
            return;
    }
}

COFACTOR_INLINE void sort_rows(Label* rows, size_t count) {
    for (size_t i = 1; i < count; ++i) {
        const Label row = rows[i];
        size_t j = i;
        for (; j > 0 && row < rows[j - 1]; --j) rows[j] = rows[j - 1];
        rows[j] = row;
    }
}

// Halve the rows along the widest coordinate until they fit into strips; a strip's ascend.
inline void seeding_order(Matrix<const std::int16_t> Q, size_t columns, Label* rows,
                          size_t count) {
    while (count > strip_slots) {
        const size_t middle = round_up(count / 2, strip_slots);
        const size_t l = widest_column(Q, columns, rows, count);
        select(rows, count, middle, [=](Label row) {
            const std::int64_t q = Q.data[static_cast<size_t>(row) * Q.columns + l];
            return q * (std::int64_t{1} << 32) + row;
        });
        seeding_order(Q, columns, rows + middle, count - middle);
        count = middle;
    }
    sort_rows(rows, count);
}

// Both numbers of a pair times two.
COFACTOR_INLINE std::int32_t doubled_pair(std::int32_t pair) {
    std::int16_t part[2];
    __builtin_memcpy(part, &pair, sizeof part);
    return pair_of(static_cast<std::int16_t>(2 * part[0]),
                   static_cast<std::int16_t>(2 * part[1]));
}

// strips[s][l][j] = columns 2l and 2l + 1 of the row in slot 16 s + j, and their squared norms.
inline void seeding_strips(Matrix<const std::int16_t> Q, const Label* order,
                           Matrix<std::int32_t> strips, std::int32_t* norms) {
    const size_t pairs = strips.columns / strip_slots;
    for (size_t slot = 0; slot < strips.rows * strip_slots; ++slot) {
        std::int32_t* const out =
            strips.data + slot / strip_slots * strips.columns + slot % strip_slots;
        const bool empty = order[slot] < 0;
        const std::int16_t* const q =
            Q.data + (empty ? 0 : static_cast<size_t>(order[slot]) * Q.columns);
        std::int32_t norm = 0;
        for (size_t l = 0; l < pairs; ++l) {
            out[l * strip_slots] = empty ? 0 : pair_of(q[2 * l], q[2 * l + 1]);
            if (!empty) norm += q[2 * l] * q[2 * l] + q[2 * l + 1] * q[2 * l + 1];
        }
        norms[slot] = empty ? no_row : norm;
    }
}

// boxes[b] = the least, then the largest, coordinates of the strips of block b, as in a strip.
inline void seeding_boxes(Matrix<const std::int32_t> strips, Matrix<std::int32_t> boxes) {
    const size_t pairs = boxes.columns / (2 * strip_slots);
    for (size_t s = 0; s < strips.rows; ++s) {
        std::int32_t* const low =
            boxes.data + s / strip_slots * boxes.columns + s % strip_slots;
        std::int32_t* const high = low + pairs * strip_slots;
        for (size_t l = 0; l < pairs; ++l) {
            std::int16_t least[2] = {32767, 32767}, most[2] = {-32768, -32768};
            for (size_t j = 0; j < strip_slots; ++j) {
                std::int16_t pair[2];
                __builtin_memcpy(pair, strips.data + s * strips.columns + l * strip_slots + j,
                                 sizeof pair);
                for (size_t e = 0; e < 2; ++e) {
                    least[e] = smaller(least[e], pair[e]);
                    most[e] = larger(most[e], pair[e]);
                }
            }
            low[l * strip_slots] = pair_of(least[0], least[1]);
            high[l * strip_slots] = pair_of(most[0], most[1]);
        }
    }
}

}  // namespace cofactor::COFACTOR_ISA

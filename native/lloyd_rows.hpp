// Rows in whole numbers of 16 bits: rounded once, and packed into panels for every search.
#pragma once

#include "lloyd_space.hpp"
#include "word_tiles.hpp"

namespace cofactor::COFACTOR_ISA {

// Round `count` numbers times a factor, at most as many as a vector holds, to whole numbers of 16
// bits; return the squares of what that takes from them.
COFACTOR_INLINE Vec<float> round_words(const float* values, float factor, size_t count,
                                       void* words) {
    typedef short Whole __attribute__((vector_size(2 * lanes<float>)));
    constexpr float magic = 0x1.8p23f;  // whole numbers are the last bits of sums with it
    const Vec<float> value = load(values) * factor, sum = value + magic;
    const Vec<float> rest = value - (sum - magic);
    Int<float> bits;
    __builtin_memcpy(&bits, &sum, sizeof sum);
    const Whole whole = __builtin_convertvector(bits, Whole);
    __builtin_memcpy(words, &whole, count * sizeof(short));
    return rest * rest;
}

// Round some rows, less a shift and times the scale of the search, to words; return no less than
// the largest norm of what that takes from a row.
template <class T>
float round_words(const LloydRows<T>& rows, const LloydSpace<T>& space, size_t begin, size_t end) {
    const size_t d = space.d, padded = 2 * space.pairs;
    const Scratch<float> row(round_up(padded, lanes<float>));
    for (size_t l = d; l < round_up(padded, lanes<float>); ++l) row[l] = 0;
    const T scale = static_cast<T>(space.progress->scale);
    const float factor = static_cast<float>(1 / space.progress->grain);
    float largest = 0;
    for (size_t n = begin; n < end; ++n) {
        const T* const x = rows.X.data + n * d;
        for (size_t l = 0; l < d; ++l) row[l] = static_cast<float>((x[l] - rows.shift[l]) * scale);
        Vec<float> rests{};
        short* const words = reinterpret_cast<short*>(space.row_words + n * space.pairs);
        for (size_t l = 0; l < padded; l += lanes<float>)
            rests += round_words(row + l, factor, smaller(lanes<float>, padded - l), words + l);
        largest = larger(largest, static_cast<float>(sum<float>(rests)));
    }
    return __builtin_sqrtf(largest) * (1 + unit * static_cast<float>(d + 16));
}

// How far rounding may have moved the distances of a range's rows, in grains.
template <class T>
float blur_of(const LloydSpace<T>& space, size_t range) {
    return space.notes[range].rest + static_cast<float>(space.progress->blur);
}

// What is known of a panel of rows: `beside` is the second smallest loss of the best one's group.
struct WordPanel {
    WordTwo best;
    Int<float> beside[tile_vectors], half_square[tile_vectors];
    float blur;  // how far rounding may have moved distances

    COFACTOR_INLINE void meet(const WordTwo& group) {
        for (size_t v = 0; v < tile_vectors; ++v) {
            const Int<float> better = group.loss[v] < best.loss[v];
            const Int<float> loser = better ? best.loss[v] : group.loss[v];
            best.second[v] = least(best.second[v], least(loser, group.second[v]));
            best.loss[v] = least(best.loss[v], group.loss[v]);
            best.slot[v] = better ? group.slot[v] : best.slot[v];
            beside[v] = better ? group.second[v] : beside[v];
        }
    }

    // Between rounded numbers; losses and squares lack halves that were dropped.
    COFACTOR_INLINE Vec<float> distance(size_t v, Int<float> loss, Lane<float> halves) const {
        const Int<float> half = most(half_square[v] + loss + halves, Int<float>{});
        return roots(2 * __builtin_convertvector(half, Vec<float>));
    }
    COFACTOR_INLINE Vec<float> lower(size_t v, Int<float> loss) const {
        return distance(v, loss, 0) * (1 - 8 * unit) - blur;
    }
    COFACTOR_INLINE Vec<float> upper(size_t v, Int<float> loss) const {
        return distance(v, loss, 1) * (1 + 8 * unit) + blur;
    }

    // The smallest differences of losses that are beyond doubt.
    COFACTOR_INLINE Vec<float> doubt(size_t v) const {
        return (upper(v, best.loss[v]) + upper(v, best.second[v])) * blur + 2.0f;
    }

    // No less than the norms of the rows.
    COFACTOR_INLINE Vec<float> norm(size_t v) const { return upper(v, Int<float>{}); }
};

// Rows that follow each other, and what is known of a vector of them.
struct Following {
    size_t first;

    COFACTOR_INLINE size_t operator()(size_t i) const { return first + i; }
    template <class Space>
    COFACTOR_INLINE void announce(const Space&, size_t, size_t) const {}  // machines foresee it
    COFACTOR_INLINE void put(float* values, size_t i, size_t, Vec<float> value) const {
        store<float>(values + first + i, value);
    }
};

// Rows on a list, which counts them from the first of a range on.
struct Gathered {
    size_t first;
    const Label* list;

    COFACTOR_INLINE size_t operator()(size_t i) const {
        return first + static_cast<size_t>(list[i]);
    }
    // Ask for rows i to end.
    template <class Space>
    COFACTOR_INLINE void announce(const Space& space, size_t i, size_t end) const {
        for (; i < end; ++i)
            fetch(space.row_words + (*this)(i) * space.pairs, space.pairs * sizeof(float));
    }
    COFACTOR_INLINE void put(float* values, size_t i, size_t end, Vec<float> value) const {
        for (size_t j = 0; j < lanes<float> && i + j < end; ++j) values[(*this)(i + j)] = value[j];
    }
};

// Words of rows as they are, to be transposed.
struct WordEntries {
    const std::int32_t* const* rows;

    COFACTOR_INLINE float one(size_t j, size_t l) const {
        float word;
        __builtin_memcpy(&word, rows[j] + l, sizeof word);
        return word;
    }
    COFACTOR_INLINE Quad<float>::Vec four(size_t j, size_t l) const {
        Quad<float>::Vec words;
        __builtin_memcpy(&words, rows[j] + l, sizeof words);
        return words;
    }
    COFACTOR_INLINE Vec<float> quads(size_t j, size_t l) const {
        return side_by_side([=](size_t i) { return four(j + 4 * i, l); });
    }
};

struct PlainWords {
    using Packed = float;

    Matrix<const std::int32_t> X;

    COFACTOR_INLINE WordEntries entries(const std::int32_t* const* rows) const { return {rows}; }
};

// Packs rows of words into panels.
template <class T>
class WordRows {
public:
    explicit WordRows(const LloydSpace<T>& space) : space_(space) {}

    // Pack rows(i) and what follows, up to rows(end), as far as a panel goes, of a range.
    template <class Rows>
    void pack(size_t range, Rows rows, size_t i, size_t end, std::int32_t* panel,
              WordPanel& known) const {
        const PlainWords words{{space_.row_words, space_.n, space_.pairs}};
        pack_panel(words, smaller(end - i, tile_rows<float>),
                   [=](size_t j) { return rows(i + j); }, reinterpret_cast<float*>(panel));
        for (size_t v = 0; v < tile_vectors; ++v)
            known.half_square[v] = squares(panel + v * lanes<float>) >> 1;
        known.blur = blur_of(space_, range);
        known.best.start();
    }

private:
    Int<float> squares(const std::int32_t* panel) const {
        Int<float> sum{};
        for (size_t l = 0; l < space_.pairs; ++l) {
            const Int<float> pair = load_words(panel + l * tile_rows<float>);
            sum = add_products(sum, pair, pair);
        }
        return sum;
    }

    const LloydSpace<T>& space_;
};

}  // namespace cofactor::COFACTOR_ISA

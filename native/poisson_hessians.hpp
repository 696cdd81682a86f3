// Hessians of Poisson rows: sums of bends times products of components over the nonzeros.
//
// The components under some nonzeros, times the roots of their bends, fill a panel, whose product
// with itself is their part of the Hessian. Where processors multiply pairs of rounded numbers,
// items of a panel are the numbers of two nonzeros: two digits are enough for Hessians that are
// used again and again, and it halves the products.
#pragma once

#include "bfloats.hpp"
#include "poisson_row.hpp"

namespace cofactor::COFACTOR_ISA {

// Sums that a tile of a Hessian has: as many as leave registers free.
constexpr size_t most_sums = vector_bytes == 64 ? 24 : 12;

// Items that a panel has room for: few enough to stay in the first cache.
constexpr size_t panel_items = 128;

// Items that are numbers as they are.
template <class T>
struct PlainItems {
    using Item = T;
    static constexpr size_t nonzeros = 1;

    template <class V>
    COFACTOR_INLINE static V packed(const V (&scaled)[nonzeros]) {
        return scaled[0];
    }
    COFACTOR_INLINE static Vec<T> alike(Item item) { return splat(item); }
    COFACTOR_INLINE static Vec<T> add(Vec<T> sums, Vec<T> left, Vec<T> right) {
        return sums + left * right;
    }
};

#if defined(COFACTOR_BFLOATS)
// Items that are pairs of rounded numbers.
struct PairItems {
    using Item = std::uint32_t;
    static constexpr size_t nonzeros = 2;

    template <class V>
    COFACTOR_INLINE static auto packed(const V (&scaled)[nonzeros]) {
        return bfloat_pairs(scaled[0], scaled[1]);
    }
    COFACTOR_INLINE static Bits<float> alike(Item item) { return Bits<float>{} + item; }
    COFACTOR_INLINE static Vec<float> add(Vec<float> sums, Bits<float> left, Bits<float> right) {
        return add_bfloat_products(sums, left, right);
    }
};
#endif

// Some rows of a Hessian: those from `first` on in one vector of columns, those from `second` on in
// two, since what is loaded for the rows then serves both.
template <class T, class Items, size_t ones, size_t twos>
struct HessianTile {
    using Item = typename Items::Item;
    using All = decltype(Items::alike(Item{}));

    Vec<T> one[ones + 1] = {}, low[twos + 1] = {}, high[twos + 1] = {};

    COFACTOR_INLINE void add(const Item* first, const Item* second, const Item* columns) {
        All near, far{};
        __builtin_memcpy(&near, columns, sizeof near);
        if constexpr (twos > 0) __builtin_memcpy(&far, columns + lanes<T>, sizeof far);
#pragma GCC unroll 16
        for (size_t t = 0; t < ones; ++t) one[t] = Items::add(one[t], Items::alike(first[t]), near);
#pragma GCC unroll 16
        for (size_t t = 0; t < twos; ++t) {
            const All left = Items::alike(second[t]);
            low[t] = Items::add(low[t], left, near);
            high[t] = Items::add(high[t], left, far);
        }
    }

    COFACTOR_INLINE void load_from(const T* first, const T* second, size_t width) {
        for (size_t t = 0; t < ones; ++t) one[t] = load(first + t * width);
        for (size_t t = 0; t < twos; ++t) {
            low[t] = load(second + t * width);
            high[t] = load(second + t * width + lanes<T>);
        }
    }

    COFACTOR_INLINE void store_to(T* first, T* second, size_t width) const {
        for (size_t t = 0; t < ones; ++t) store<T>(first + t * width, one[t]);
        for (size_t t = 0; t < twos; ++t) {
            store<T>(second + t * width, low[t]);
            store<T>(second + t * width + lanes<T>, high[t]);
        }
    }
};

// Components under some nonzeros, times the roots of their bends: [item][component].
template <class T, class Items>
class HessianPanel {
    using Item = typename Items::Item;
    static constexpr size_t step = smaller<size_t>(lanes<T>, 4);  // of rows
    static constexpr size_t most_twos(size_t ones) { return (most_sums - ones) / 2 / step * step; }

public:
    // Panels of `space` for Hessians whose rows are `stride` apart.
    HessianPanel(const PoissonModel<T>& model, T* space, size_t stride)
        : model_(model),
          items_(reinterpret_cast<Item*>(space)),
          width_(model.columns.columns + model.rest.columns),
          end_(round_up(model.k, step)),
          stride_(stride) {}

    // Add entries (t, u) with u <= t of the Hessian of nonzeros p to `last` of a row, or begin.
    void add(CountRow<T> row, const T* bends, size_t p, size_t last, T* square) const {
        fill(row, bends, p, last);
        const size_t size = (last - p) / Items::nonzeros;
        if (p == 0)
            multiply<true>(size, square);
        else
            multiply<false>(size, square);
    }

private:
    void fill(CountRow<T> row, const T* bends, size_t p, size_t last) const {
        alignas(64) T scales[panel_items * Items::nonzeros];
        for (size_t i = p; i < last; i += lanes<T>)
            store<T>(scales + (i - p), roots<T>(load(bends + i)));
        switch (model_.columns.columns / component_group) {
            case 1: return fill<Constant<component_group>>({}, row, scales, p, last);
            case 2: return fill<Constant<2 * component_group>>({}, row, scales, p, last);
            case 3: return fill<Constant<3 * component_group>>({}, row, scales, p, last);
            default: return fill<size_t>(model_.columns.columns, row, scales, p, last);
        }
    }

    template <class Width>
    void fill(Width whole, CountRow<T> row, const T* scales, size_t p, size_t last) const {
        const bool far = far_away(model_);
        const Sources<Width> from{model_.columns.data, whole,
                                  model_.rest.columns ? model_.rest.data : nullptr};
        const size_t width = width_;
        Item* to = items_;
        for (; p < last; p += lanes<T>) {
            if (far) ask_ahead(row, p);
            for (size_t i = 0; i < lanes<T>; i += Items::nonzeros, to += width)
                from.fill(row.places + p + i, scales + i, to);
            scales += lanes<T>;
        }
    }

    // The components of all columns, and how they become an item.
    template <class Width>
    struct Sources {
        const T* columns;
        Width whole;
        const T* rest;  // null: there is none

        COFACTOR_INLINE void fill(const Place* places, const T* scales, Item* to) const {
            for (size_t c = 0; c < whole; c += lanes<T>) {
                Vec<T> scaled[Items::nonzeros];
                for (size_t i = 0; i < Items::nonzeros; ++i)
                    scaled[i] = scales[i] * load(at_place(columns, places[i], whole) + c);
                const auto packed = Items::packed(scaled);
                __builtin_memcpy(to + c, &packed, sizeof packed);
            }
            if (!rest) return;
            Four<T> scaled[Items::nonzeros];
            for (size_t i = 0; i < Items::nonzeros; ++i)
                scaled[i] = scales[i] * load_quad(at_place(rest, places[i], component_rest));
            const auto packed = Items::packed(scaled);
            __builtin_memcpy(to + whole, &packed, sizeof packed);
        }
    };

    void ask_ahead(CountRow<T> row, size_t p) const {
        constexpr size_t line = 64 / sizeof(T);
        const size_t whole = model_.columns.columns;
        for (size_t i = p + far_ahead; i < smaller(p + far_ahead + lanes<T>, row.size); ++i) {
            const T* const column = at_place(model_.columns.data, row.places[i], whole);
            for (size_t c = 0; c < whole; c += line) __builtin_prefetch(column + c);
        }
    }

    // Columns by two vectors: rows on their first diagonal block have but one of them.
    template <bool beginning>
    void multiply(size_t size, T* square) const {
        for (size_t at = 0; at < end_; at += 2 * lanes<T>) {
            const size_t next = at + lanes<T>;
            if (next >= end_) return some_ones<beginning>(at, size, square);
            size_t t = next + first_twos<beginning>(at, size, square);
            while (t < end_) t += some_twos<beginning, 0>(t, at, size, square);
        }
    }

    // Rows of a last diagonal block.
    template <bool beginning, size_t ones = lanes<T>>
    void some_ones(size_t at, size_t size, T* square) const {
        if constexpr (ones > step)
            if (end_ - at < ones) return some_ones<beginning, ones - step>(at, size, square);
        tile<beginning, ones, 0>(at, at, at, size, square);
    }

    template <bool beginning>
    size_t first_twos(size_t at, size_t size, T* square) const {
        return some_twos<beginning, lanes<T>>(at + lanes<T>, at, size, square);
    }

    // Rows from t on, with `ones` of the diagonal block; return how many.
    template <bool beginning, size_t ones, size_t twos = most_twos(ones)>
    size_t some_twos(size_t t, size_t at, size_t size, T* square) const {
        if constexpr (twos > step)
            if (end_ - t < twos)
                return some_twos<beginning, ones, twos - step>(t, at, size, square);
        tile<beginning, ones, twos>(at, t, at, size, square);
        return twos;
    }

    template <bool beginning, size_t ones, size_t twos>
    [[gnu::noinline]] void tile(size_t first, size_t second, size_t columns, size_t size,
                                T* square) const {
        T *const to = square + columns, *const one = to + first * stride_,
                                        *const two = to + second * stride_;
        HessianTile<T, Items, ones, twos> sums;
        if constexpr (!beginning) sums.load_from(one, two, stride_);
        const Item *rows = items_ + first, *others = items_ + second, *near = items_ + columns;
        for (size_t i = 0; i < size; ++i, rows += width_, others += width_, near += width_) {
            asm("" : "+r"(rows), "+r"(others), "+r"(near));  // GCC would find each number anew
            sums.add(rows, others, near);
        }
        sums.store_to(one, two, stride_);
    }

    const PoissonModel<T>& model_;
    Item* const items_;
    const size_t width_, end_, stride_;
};

// Hessians of rows, panel by panel, of the kind that the processor multiplies fastest.
template <class T>
class Hessians {
public:
    // Rows of Hessians are `stride` apart.
    Hessians(const PoissonModel<T>& model, size_t stride)
        : model_(model), stride_(stride), space_(panel_items * stride + lanes<T>) {}

    // The Hessian of a row: entries (t, u) with u <= t, in the rows of a square.
    void square(CountRow<T> row, const T* bends, T* to) const {
#if defined(COFACTOR_BFLOATS)
        if constexpr (sizeof(T) == sizeof(float))
            if (multiplies_bfloats()) return squared<PairItems>(row, bends, to);
#endif
        squared<PlainItems<T>>(row, bends, to);
    }

private:
    template <class Items>
    void squared(CountRow<T> row, const T* bends, T* to) const {
        const HessianPanel<T, Items> panel(model_, space_, stride_);
        constexpr size_t most = panel_items * Items::nonzeros;
        for (size_t p = 0; p < row.size; p += most)
            panel.add(row, bends, p, smaller(p + most, row.size), to);
    }

    const PoissonModel<T>& model_;
    const size_t stride_;
    const Scratch<T> space_;
};

}  // namespace cofactor::COFACTOR_ISA

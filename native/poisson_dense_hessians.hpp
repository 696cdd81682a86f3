// Hessians of dense Poisson rows: the bends of some rows times products of two components.
//
// These products are the same for all rows, so that lanes are rows here, too. Where processors
// multiply pairs of rounded numbers, items are those of two columns, half a strip apart.
#pragma once

#include "poisson_dense.hpp"
#include "poisson_hessians.hpp"
#include "poisson_programs.hpp"

namespace cofactor::COFACTOR_ISA {

// Numbers of a strip's columns as items, side by side; `column(l)` has those of columns from l on.
template <class T, class Items>
struct StripItems {
    using Item = typename Items::Item;
    static constexpr size_t size = strip_size / Items::nonzeros;

    template <class Column>
    COFACTOR_INLINE static void pack(Column column, Item* to) {
        Vec<T> numbers[Items::nonzeros];
        for (size_t i = 0; i < Items::nonzeros; ++i) numbers[i] = column(i * size);
        const auto packed = Items::packed(numbers);
        __builtin_memcpy(to, &packed, sizeof packed);
    }
};

// Entries of Hessians that a tile has for each of its vectors of rows.
template <size_t vectors>
constexpr size_t hessian_outputs = most_sums / vectors;

// to += products [output][item] times bends [item][row] of a strip.
template <class T, class Items, size_t vectors>
[[gnu::noinline]] void add_hessian_tile(const typename Items::Item* products,
                                        const typename Items::Item* bends, T* to) {
    using Strip = StripItems<T, Items>;
    using All = decltype(Items::alike(typename Items::Item{}));
    constexpr size_t outputs = hessian_outputs<vectors>, rows = vectors * lanes<T>;
    Vec<T> sums[outputs][vectors];
    for (size_t i = 0; i < outputs; ++i)
        for (size_t v = 0; v < vectors; ++v) sums[i][v] = load(to + i * rows + v * lanes<T>);
    for (size_t l = 0; l < Strip::size; ++l) {
        All values[vectors];
        __builtin_memcpy(values, bends + l * rows, sizeof values);
#pragma GCC unroll 24
        for (size_t i = 0; i < outputs; ++i) {
            const All product = Items::alike(products[i * Strip::size + l]);
            for (size_t v = 0; v < vectors; ++v)
                sums[i][v] = Items::add(sums[i][v], product, values[v]);
        }
    }
    for (size_t i = 0; i < outputs; ++i)
        for (size_t v = 0; v < vectors; ++v) store<T>(to + i * rows + v * lanes<T>, sums[i][v]);
}

template <class T>
class DenseHessians {
public:
    explicit DenseHessians(size_t k)
        : k_(k),
          products_(most_sums * strip_size),
          bends_(strip_size * most_panel_rows<T>),
          sums_((packed_size(k) + most_sums) * most_panel_rows<T>) {
        __builtin_memset(products_, 0, most_sums * strip_size * sizeof(T));
    }

    // Write the Hessians of rows at the codes that they begin at into their blocks' places.
    template <size_t vectors>
    void renew(const DenseRows<T, vectors>& rows, T* blocks) const {
#if defined(COFACTOR_BFLOATS)
        if constexpr (sizeof(T) == sizeof(float)) {
            if (multiplies_bfloats()) {
                find<PairItems>(rows);
                return put(rows, blocks);
            }
        }
#endif
        find<PlainItems<T>>(rows);
        put(rows, blocks);
    }

private:
    template <class Items, size_t vectors>
    void find(const DenseRows<T, vectors>& rows) const {
        const size_t size = round_up(packed_size(k_), hessian_outputs<vectors>);
        __builtin_memset(sums_, 0, size * rows.rows * sizeof(T));
        rows.bend([this](const T* components, const T* bends, size_t columns) {
            pack<Items, vectors>(bends, columns);
            add<Items, vectors>(components);
        });
    }

    // Bends of some columns, [column][row], as items; zeros fill up the strip.
    template <class Items, size_t vectors>
    void pack(const T* bends, size_t columns) const {
        using Strip = StripItems<T, Items>;
        constexpr size_t rows = vectors * lanes<T>;
        auto* const to = items<Items>(bends_);
        for (size_t l = 0; l < Strip::size; ++l)
            for (size_t r = 0; r < rows; r += lanes<T>)
                Strip::pack(
                    [&](size_t after) COFACTOR_INLINED {
                        return l + after < columns ? load(bends + (l + after) * rows + r) : Vec<T>{};
                    },
                    to + l * rows + r);
    }

    template <class Items, size_t vectors>
    void add(const T* components) const {
        using Strip = StripItems<T, Items>;
        constexpr size_t outputs = hessian_outputs<vectors>, rows = vectors * lanes<T>;
        auto* const products = items<Items>(products_);
        for (size_t t = 0, u = 0, entry = 0; t < k_; entry += outputs) {
            for (size_t i = 0; i < outputs && t < k_; ++i) {
                multiply<Items>(components + t * strip_size, components + u * strip_size,
                                products + i * Strip::size);
                if (u++ == t) ++t, u = 0;
            }
            add_hessian_tile<T, Items, vectors>(products, items<Items>(bends_),
                                                sums_ + entry * rows);
        }
    }

    // Products of two components in a strip, as items.
    template <class Items>
    COFACTOR_INLINE static void multiply(const T* first, const T* second,
                                         typename Items::Item* to) {
        using Strip = StripItems<T, Items>;
        for (size_t l = 0; l < Strip::size; l += lanes<T>)
            Strip::pack(
                [=](size_t after) COFACTOR_INLINED {
                    return load(first + l + after) * load(second + l + after);
                },
                to + l);
    }

    // Entry by entry, so that rows of one block are written to while their line is at hand.
    template <size_t vectors>
    void put(const DenseRows<T, vectors>& rows, T* blocks) const {
        const size_t packed = packed_size(k_);
        T* to[DenseRows<T, vectors>::rows];
        size_t count = 0;
        rows.for_each_row([&](size_t, size_t n) {
            to[count++] = blocks + n / newton_rows * packed * newton_rows + n % newton_rows;
        });
        for (size_t e = 0; e < packed; ++e)
            for (size_t l = 0; l < count; ++l) to[l][e * newton_rows] = sums_[e * rows.rows + l];
    }

    template <class Items>
    static typename Items::Item* items(T* space) {
        return reinterpret_cast<typename Items::Item*>(space);
    }

    const size_t k_;
    const Scratch<T> products_, bends_, sums_;
};

}  // namespace cofactor::COFACTOR_ISA

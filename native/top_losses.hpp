// Dense rows: products with all components, fused with the choice of the smallest losses.
//
// Lanes are rows. A panel holds as many rows as a tile, transposed; a group holds as many
// components as a tile, interleaved. One tile is a panel times a group, in registers.
#pragma once

#include "keepers.hpp"
#include "transpose.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t panels_budget = 128 * 1024;      // bytes of packed rows and their state
constexpr size_t components_budget = 192 * 1024;  // bytes of packed components, well inside L2
constexpr size_t few_panels = 4;                  // so that none is read just after it was written
constexpr size_t few = 16;                        // beyond, sorting beats insertion

// Components interleaved by groups: values[(group * d + l) * tile_components + r].
template <class T>
struct Tiles {
    const T *values, *offsets;
    size_t k, d;

    COFACTOR_INLINE size_t groups() const { return (k + tile_components - 1) / tile_components; }
    COFACTOR_INLINE const T* group(size_t g) const { return values + g * tile_components * d; }
    COFACTOR_INLINE const T* offsets_of(size_t g) const { return offsets + g * tile_components; }
    COFACTOR_INLINE size_t count(size_t g) const {
        return smaller(tile_components, k - g * tile_components);
    }
};

// Interleave the components of a group, times a scale, and their offsets, times its square. The
// last group is filled up with components that no row is near.
template <class T, class S>
void pack_group(Matrix<const S> components, const S* offsets, S scale, size_t g, T* values,
                T* packed_offsets) {
    const size_t d = components.columns;
    T* const to = values + g * tile_components * d;
    for (size_t r = 0; r < tile_components; ++r) {
        const size_t j = g * tile_components + r;
        const bool real = j < components.rows;
        const S* const from = components.data + (real ? j : 0) * d;
        for (size_t l = 0; l < d; ++l)
            to[l * tile_components + r] = real ? static_cast<T>(from[l] * scale) : T{0};
        packed_offsets[j] = real ? static_cast<T>(offsets[j] * scale * scale) : infinity<T>;
    }
}

template <class T>
class PackedComponents {
public:
    // Rounded to T when they are times the scale.
    template <class S>
    PackedComponents(Matrix<const S> components, const S* offsets, S scale = 1)
        : k_(components.rows),
          d_(components.columns),
          values_(round_up(k_, tile_components) * d_),
          offsets_(round_up(k_, tile_components)) {
        for (size_t g = 0; g < tiles().groups(); ++g)
            pack_group(components, offsets, scale, g, static_cast<T*>(values_),
                       static_cast<T*>(offsets_));
    }

    Tiles<T> tiles() const { return {values_, offsets_, k_, d_}; }

private:
    const size_t k_, d_;
    const Scratch<T> values_, offsets_;
};

// Rows less a shift, to be packed in the precision that they have.
template <class T>
struct PlainRows {
    using Packed = T;

    Matrix<const T> X;
    const T* shift;

    COFACTOR_INLINE ShiftedRows<T> entries(const T* const* rows) const { return {rows, shift}; }
};

// panel[l * tile_rows + i] = entry l of row at(i), for i < count; beyond, the last row is repeated.
template <class Rows, class At>
COFACTOR_INLINE void pack_panel(const Rows& rows, size_t count, At at,
                                typename Rows::Packed* panel) {
    using T = typename Rows::Packed;
    const size_t d = rows.X.columns;
    for (size_t i = 0; i < tile_rows<T>; i += rows_together<T>) {
        decltype(rows.X.data) from[rows_together<T>];
        for (size_t j = 0; j < rows_together<T>; ++j)
            from[j] = rows.X.data + at(smaller(i + j, count - 1)) * d;
        transpose(rows.entries(from), d, panel + i, tile_rows<T>);
    }
}

// Rows that were packed before: all panels, one after the other.
template <class T>
struct PackedRows {
    const T* panels;
    size_t columns;
};

// The panel of some rows, packed into a place if need be.
template <class Rows>
COFACTOR_INLINE const typename Rows::Packed* panel_of(const Rows& rows, size_t row, size_t count,
                                                      typename Rows::Packed* place) {
    pack_panel(rows, count, [=](size_t i) { return row + i; }, place);
    return place;
}
template <class T>
COFACTOR_INLINE const T* panel_of(const PackedRows<T>& rows, size_t row, size_t, T*) {
    return rows.panels + row * rows.columns;
}

// Entry l of component r of a group is group[r * across + l * along].
template <class T>
COFACTOR_INLINE void tile_losses(const T* panel, const T* group, size_t across, size_t along,
                                 const T* offsets, size_t d, Tile<T>& tile) {
    Tile<T> product = {};
    for (size_t l = 0; l < d; ++l) {
        Vec<T> x[tile_vectors];
        for (size_t v = 0; v < tile_vectors; ++v) x[v] = load(panel + v * lanes<T>);
        for (size_t r = 0; r < tile_components; ++r) {
            const Vec<T> e = splat(group[r * across]);
            for (size_t v = 0; v < tile_vectors; ++v) product[r][v] += x[v] * e;
        }
        panel += tile_rows<T>;
        group += along;
    }
    for (size_t r = 0; r < tile_components; ++r)
        for (size_t v = 0; v < tile_vectors; ++v) tile[r][v] = offsets[r] - product[r][v];
}

// What is left of a state when a panel has met all groups in [begin, end).
template <class T, class State>
[[gnu::noinline]] State scan_panel(const T* panel, const Tiles<T>& components, size_t begin,
                                   size_t end, State state) {
    for (size_t g = begin; g < end; ++g) {
        Tile<T> tile;
        tile_losses<T>(panel, components.group(g), 1, tile_components, components.offsets_of(g),
                       components.d, tile);
        state.offer(g * tile_components, components.count(g), tile);
    }
    return state;
}

// Ask for rows that will be packed soon.
template <class Rows>
COFACTOR_INLINE void prefetch_rows(const Rows& rows, size_t row, size_t count) {
    const auto X = rows.X;
    if (row >= X.rows) return;
    const char* const first = reinterpret_cast<const char*>(X.data + row * X.columns);
    const size_t bytes = smaller(count, X.rows - row) * X.columns * sizeof *X.data;
    for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch(first + at);
}

template <class T>
COFACTOR_INLINE void prefetch_rows(const PackedRows<T>&, size_t, size_t) {}

// Offers all components to all rows. A block of panels stays in the cache while blocks of
// components pass by; when all components stay there as well, a block is a few panels.
template <class T, class Keeper>
class Scanner {
public:
    Scanner(const Tiles<T>& components, size_t rows, size_t keep)
        : components_(components),
          groups_(larger<size_t>(
              1, components_budget /
                     larger<size_t>(1, tile_components * components.d * sizeof(T)))),
          panel_size_(tile_rows<T> * components.d),
          panels_(panels_at_once(rows, keep)),
          packed_(panels_ * panel_size_),
          panel_(panels_),
          keeper_(keep, components.k, panels_) {}

    COFACTOR_INLINE size_t rows_at_once() const { return panels_ * tile_rows<T>; }

    // Scan rows from begin to end, and call write(row, count, keeper, panel number, panel) for the
    // rows of every panel.
    template <class Rows, class Write>
    void scan(const Rows& rows, size_t begin, size_t end, Write write) {
        for (; begin < end; begin += rows_at_once()) {
            const size_t last = smaller(begin + rows_at_once(), end);
            pack(rows, begin, last);
            for (size_t g = 0; g < components_.groups(); g += groups_)
                scan_groups(rows, begin, last, g, smaller(g + groups_, components_.groups()));
            for (size_t row = begin, p = 0; row < last; row += tile_rows<T>, ++p)
                write(row, smaller(tile_rows<T>, last - row), keeper_, p, panel_[p]);
        }
    }

private:
    size_t panels_at_once(size_t rows, size_t keep) const {
        if (components_.groups() <= groups_) return few_panels;
        const size_t bytes =
            panel_size_ * sizeof(T) + Keeper::bytes_per_panel(keep, components_.k);
        return larger<size_t>(1, smaller(panels_budget / bytes,
                                         (rows + tile_rows<T> - 1) / tile_rows<T>));
    }

    template <class Rows>
    void pack(const Rows& rows, size_t begin, size_t end) {
        for (size_t row = begin, p = 0; row < end; row += tile_rows<T>, ++p) {
            panel_[p] = panel_of(rows, row, smaller(tile_rows<T>, end - row),
                                 packed_ + p * panel_size_);
            keeper_.start(p);
        }
    }

    template <class Rows>
    void scan_groups(const Rows& rows, size_t begin, size_t end, size_t first, size_t last) {
        for (size_t row = begin, p = 0; row < end; row += tile_rows<T>, ++p) {
            if (last == components_.groups())  // the panel's place is soon free for other rows
                prefetch_rows(rows, row + rows_at_once(), tile_rows<T>);
            keeper_.put(p, scan_panel<T>(panel_[p], components_, first, last, keeper_.take(p)));
        }
    }

    const Tiles<T> components_;
    const size_t groups_, panel_size_, panels_;
    const Scratch<T> packed_;
    const Scratch<const T*> panel_;
    Keeper keeper_;
};

template <class T, class Keeper>
void write_losses(Matrix<const T> X, const T* shift, const Tiles<T>& components,
                  Matrix<Label> index, double* loss) {
    const size_t keep = index.columns;
    Scanner<T, Keeper> scanner(components, X.rows, keep);
    const auto write = [=](size_t row, size_t count, const Keeper& keeper, size_t p, const T*) {
        for (size_t i = 0; i < count; ++i)
            keeper.write(p, i, index.data + (row + i) * keep, loss + (row + i) * keep);
    };
    scanner.scan(PlainRows<T>{X, shift}, 0, X.rows, write);
}

template <class T>
void top_losses(Matrix<const T> X, const T* shift, Matrix<const T> components, const T* offsets,
                Matrix<Label> index, double* loss) {
    const PackedComponents<T> packed(components, offsets);
    const auto write = index.columns == 1     ? write_losses<T, Kept<OneLoss<T>>>
                       : index.columns <= few ? write_losses<T, Few<T>>
                                              : write_losses<T, Many<T>>;
    write(X, shift, packed.tiles(), index, loss);
}

}  // namespace cofactor::COFACTOR_ISA

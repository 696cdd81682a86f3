// Full searches of the rows of a range, and exact ones of single rows.
#pragma once

#include "lloyd_space.hpp"

namespace cofactor::COFACTOR_ISA {

// Rows as they are searched: floats as they are, doubles narrowed.
COFACTOR_INLINE PlainRows<float> searched(Matrix<const float> X, const float* shift, double) {
    return {X, shift};
}
COFACTOR_INLINE NarrowRows searched(Matrix<const double> X, const double* shift, double scale) {
    return {X, shift, scale};
}

// The smallest two losses of each row of a panel, and the component of the smallest.
struct BestTwo {
    Vec<float> loss[tile_vectors], second[tile_vectors];
    Int<float> component[tile_vectors];

    COFACTOR_INLINE void start() {
        for (size_t v = 0; v < tile_vectors; ++v) {
            loss[v] = second[v] = splat(infinity<float>);
            component[v] = Int<float>{};
        }
    }

    COFACTOR_INLINE void offer(size_t first, const Tile<float>& tile) {
        for (size_t r = 0; r < tile_components; ++r) {
            const Int<float> id = splat_int<float>(static_cast<Label>(first + r));
            for (size_t v = 0; v < tile_vectors; ++v) {
                const Int<float> better = tile[r][v] < loss[v];
                const Vec<float> loser = better ? loss[v] : tile[r][v];
                second[v] = loser < second[v] ? loser : second[v];
                loss[v] = better ? tile[r][v] : loss[v];
                component[v] = better ? id : component[v];
            }
        }
    }

    // Bit i: whether rounding may have chosen for row i.
    COFACTOR_INLINE std::uint64_t doubtful(const Doubt& doubt, const float* norms) const {
        std::uint64_t bits = 0;
        const float* const least = reinterpret_cast<const float*>(loss);
        const float* const next = reinterpret_cast<const float*>(second);
        for (size_t i = 0; i < tile_rows<float>; ++i)
            bits |= static_cast<std::uint64_t>(!(next[i] - least[i] > doubt(norms[i]))) << i;
        return bits;
    }
};

// The smallest loss of each row of a panel, of which there can be no doubt.
struct BestOne : Nearest<float>::State {
    COFACTOR_INLINE void start() {
        for (size_t v = 0; v < tile_vectors; ++v) {
            loss[v] = splat(infinity<float>);
            component[v] = Int<float>{};
        }
    }
    COFACTOR_INLINE void offer(size_t first, const Tile<float>& tile) {
        Nearest<float>::State::offer(first, 0, tile);
    }
    COFACTOR_INLINE std::uint64_t doubtful(const Doubt&, const float*) const { return 0; }
};

template <class T>
struct Exact;
template <>
struct Exact<float> {
    using Best = BestOne;
    static const float* tiles(const LloydSpace<float>& s) { return s.tiles; }
    static const float* offsets(const LloydSpace<float>& s) { return s.tile_offsets; }
};
template <>
struct Exact<double> {
    using Best = BestTwo;
    static const double* tiles(const LloydSpace<double>& s) { return s.exact_tiles; }
    static const double* offsets(const LloydSpace<double>& s) { return s.exact_offsets; }
};

// Finds nearest components as a search in T does, the sums of top_losses in their order.
template <class T>
class ExactSearch {
public:
    ExactSearch(Matrix<const T> X, const T* shift, const LloydSpace<T>& space)
        : rows_{X, shift}, space_(space), panel_(tile_rows<T> * X.columns) {}

    // labels[i], losses[i] = the nearest component of row rows[i], for i < count.
    void settle(const Label* rows, size_t count, Label* labels, T* losses) {
        for (size_t first = 0; first < count; first += tile_rows<T>) {
            const size_t some = smaller(tile_rows<T>, count - first);
            pack_panel(rows_, some, [=](size_t i) { return static_cast<size_t>(rows[first + i]); },
                       static_cast<T*>(panel_));
            scan(some, labels + first, losses + first);
        }
    }

private:
    [[gnu::noinline]] void scan(size_t count, Label* labels, T* losses) {
        typename Nearest<T>::State best;
        for (size_t v = 0; v < tile_vectors; ++v) {
            best.loss[v] = splat(infinity<T>);
            best.component[v] = Int<T>{};
        }
        for (size_t c = 0; c < space_.k; c += tile_components) {
            Tile<T> tile;
            tile_losses<T>(panel_, Exact<T>::tiles(space_) + c * space_.d, 1, tile_components,
                           Exact<T>::offsets(space_) + c, space_.d, tile);
            best.offer(c, tile_components, tile);
        }
        for (size_t i = 0; i < count; ++i) {
            labels[i] = static_cast<Label>(best.component[i / lanes<T>][i % lanes<T>]);
            losses[i] = best.loss[i / lanes<T>][i % lanes<T>];
        }
    }

    const PlainRows<T> rows_;
    const LloydSpace<T>& space_;
    const Scratch<T> panel_;
};

// Searches all components for all rows of a range.
template <class T>
class FullSearch {
public:
    FullSearch(Matrix<const T> X, const T* shift, const LloydSpace<T>& space)
        : X_(X),
          shift_(shift),
          space_(space),
          settler_(X, shift, space),
          panel_size_(tile_rows<float> * space.d),
          panels_(smaller(larger<size_t>(1, panels_budget / (panel_size_ * sizeof(float))),
                          (space.range_rows + tile_rows<float> - 1) / tile_rows<float>)),
          components_(larger<size_t>(1, components_budget / (space.d * sizeof(float)) /
                                            tile_components) * tile_components),
          packed_(panels_ * panel_size_),
          best_(panels_),
          doubtful_(panels_ * tile_rows<float>),
          settled_(panels_ * tile_rows<float>),
          losses_(panels_ * tile_rows<float>) {}

    // Call found(row, component) for every row.
    template <class Found>
    void run(size_t begin, size_t end, const Doubt& doubt, Found found) {
        const size_t step = panels_ * tile_rows<float>;
        for (size_t row = begin; row < end; row += step) {
            const size_t last = smaller(end, row + step);
            pack(row, last);
            search((last - row + tile_rows<float> - 1) / tile_rows<float>);
            report(row, last, doubt, found);
        }
    }

private:
    void pack(size_t begin, size_t end) {
        const auto rows = searched(X_, shift_, space_.progress->scale);
        float* panel = packed_;
        for (size_t row = begin; row < end; row += tile_rows<float>, panel += panel_size_)
            pack_panel(rows, smaller(tile_rows<float>, end - row),
                       [=](size_t i) { return row + i; }, panel);
    }

    // A block of panels stays in the cache while blocks of components pass by.
    void search(size_t panels) {
        for (size_t p = 0; p < panels; ++p) best_[p].start();
        for (size_t c = 0; c < space_.k; c += components_)
            for (size_t p = 0; p < panels; ++p)
                scan(packed_ + p * panel_size_, c, smaller(c + components_, space_.k), best_[p]);
    }

    void scan(const float* panel, size_t begin, size_t end, typename Exact<T>::Best& kept) const {
        typename Exact<T>::Best best = kept;
        for (size_t c = begin; c < end; c += tile_components) {
            Tile<float> tile;
            tile_losses<float>(panel, space_.tiles + c * space_.d, 1, tile_components,
                               space_.tile_offsets + c, space_.d, tile);
            best.offer(c, tile);
        }
        kept = best;
    }

    template <class Found>
    void report(size_t begin, size_t end, const Doubt& doubt, Found found) {
        size_t doubts = 0, p = 0;
        for (size_t row = begin; row < end; row += tile_rows<float>, ++p) {
            const size_t count = smaller(tile_rows<float>, end - row);
            const std::uint64_t open = best_[p].doubtful(doubt, space_.norms + row);
            for (size_t i = 0; i < count; ++i) {
                doubtful_[doubts] = static_cast<Label>(row + i);
                const bool doubted = open >> i & 1;
                doubts += doubted;
                if (!doubted)
                    found(row + i, best_[p].component[i / lanes<float>][i % lanes<float>]);
            }
        }
        settler_.settle(doubtful_, doubts, settled_, losses_);
        for (size_t i = 0; i < doubts; ++i)
            found(static_cast<size_t>(doubtful_[i]), settled_[i]);
    }

    const Matrix<const T> X_;
    const T* const shift_;
    const LloydSpace<T>& space_;
    ExactSearch<T> settler_;
    const size_t panel_size_, panels_, components_;
    const Scratch<float> packed_;
    const Scratch<typename Exact<T>::Best> best_;
    const Scratch<Label> doubtful_, settled_;
    const Scratch<T> losses_;
};

}  // namespace cofactor::COFACTOR_ISA

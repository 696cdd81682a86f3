// What remains of a row's losses: its smallest one, its few smallest, or any number, sorted.
//
// A keeper holds the state of every panel of a block of rows. `take(panel)` gives the state of
// one panel, which is offered the losses of one group of components after another before
// `put(panel, state)`; in the end `write(panel, lane, ...)` puts a row's result in place. A lower
// component wins a tie because components are offered in ascending order. The longer offers are
// not inlined, so that they take no registers from the products.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

// The registers hold `components` x `vectors` accumulators, `vectors` of rows and one broadcast.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr size_t tile_components = 6, tile_vectors = 4;  // of 32 registers
#else
constexpr size_t tile_components = 6, tile_vectors = 2;  // of 16 registers
#endif

template <class T>
constexpr size_t tile_rows = tile_vectors * lanes<T>;

template <class T>
using Tile = Vec<T>[tile_components][tile_vectors];

// One loss and the component that has it.
template <class T>
struct Candidate {
    T loss;
    Label component;
};

// The smallest loss only.
template <class T>
struct OneLoss {
    Vec<T> loss[tile_vectors];
    Int<T> component[tile_vectors];

    COFACTOR_INLINE void start() {
        for (size_t v = 0; v < tile_vectors; ++v) {
            loss[v] = splat(infinity<T>);
            component[v] = Int<T>{};
        }
    }

    COFACTOR_INLINE void offer(size_t first, size_t, const Tile<T>& tile) {
        for (size_t r = 0; r < tile_components; ++r) {
            const Int<T> id = splat_int<T>(static_cast<Lane<T>>(first + r));
            for (size_t v = 0; v < tile_vectors; ++v) {
                const Int<T> better = tile[r][v] < loss[v];
                loss[v] = better ? tile[r][v] : loss[v];
                component[v] = better ? id : component[v];
            }
        }
    }

    COFACTOR_INLINE Candidate<T> of(size_t lane) const {
        const size_t v = lane / lanes<T>, l = lane % lanes<T>;
        return {loss[v][l], static_cast<Label>(component[v][l])};
    }
};

// The smallest loss, and the second smallest without its component.
template <class T>
struct TwoLosses {
    Vec<T> loss[tile_vectors], second[tile_vectors];
    Int<T> component[tile_vectors];

    COFACTOR_INLINE void start() {
        for (size_t v = 0; v < tile_vectors; ++v) {
            loss[v] = second[v] = splat(infinity<T>);
            component[v] = Int<T>{};
        }
    }

    COFACTOR_INLINE void offer(size_t first, size_t, const Tile<T>& tile) {
        for (size_t r = 0; r < tile_components; ++r) {
            const Int<T> id = splat_int<T>(static_cast<Lane<T>>(first + r));
            for (size_t v = 0; v < tile_vectors; ++v) {
                const Int<T> better = tile[r][v] < loss[v];
                const Vec<T> loser = better ? loss[v] : tile[r][v];
                second[v] = loser < second[v] ? loser : second[v];
                loss[v] = better ? tile[r][v] : loss[v];
                component[v] = better ? id : component[v];
            }
        }
    }
};

// One loss, or two, of every row.
template <class S>
class Kept {
public:
    using State = S;
    static constexpr size_t bytes_per_panel(size_t, size_t) { return sizeof(State); }

    Kept(size_t, size_t, size_t panels) : states_(panels) {}

    COFACTOR_INLINE void start(size_t panel) { states_[panel].start(); }
    COFACTOR_INLINE State& take(size_t panel) const { return states_[panel]; }
    COFACTOR_INLINE void put(size_t panel, const State& state) { states_[panel] = state; }

    COFACTOR_INLINE void write(size_t panel, size_t lane, Label* index, double* loss) const {
        const auto best = states_[panel].of(lane);
        *index = best.component;
        *loss = best.loss;
    }

private:
    Scratch<State> states_;
};

// A few smallest losses, sorted by insertion. An empty place holds NaN, which no loss exceeds.
template <class T>
class Few {
public:
    static constexpr size_t bytes_per_panel(size_t keep, size_t) { return keep * sizeof(Place); }

    Few(size_t keep, size_t, size_t panels) : keep_(keep), places_(keep * panels) {}

    struct Place {
        Vec<T> loss[tile_vectors];
        Int<T> component[tile_vectors];
    };

    struct State {
        Place* places;
        size_t keep;

        [[gnu::noinline]] void offer(size_t first, size_t count, const Tile<T>& tile) {
            Int<T> wanted{};
            for (size_t r = 0; r < tile_components; ++r)
                for (size_t v = 0; v < tile_vectors; ++v) wanted |= ~(worst(v) <= tile[r][v]);
            if (!any<T>(wanted)) return;
            for (size_t r = 0; r < count; ++r)
                for (size_t v = 0; v < tile_vectors; ++v)
                    if (wants(v, tile[r][v]))
                        insert(v, tile[r][v], static_cast<Lane<T>>(first + r));
        }

        COFACTOR_INLINE Vec<T> worst(size_t v) const { return places[keep - 1].loss[v]; }

        COFACTOR_INLINE bool wants(size_t v, Vec<T> loss) const {
            return any<T>(~(worst(v) <= loss));
        }

        // From the first place that holds more, all losses move down one place.
        void insert(size_t v, Vec<T> loss, Lane<T> component) {
            Int<T> id = splat_int<T>(component);
            Int<T> moves{};
            for (Place* place = places; place != places + keep; ++place) {
                const Vec<T> held = place->loss[v];
                const Int<T> held_id = place->component[v];
                moves |= ~(held <= loss);
                place->loss[v] = moves ? loss : held;
                place->component[v] = moves ? id : held_id;
                loss = moves ? held : loss;
                id = moves ? held_id : id;
            }
        }
    };

    COFACTOR_INLINE void start(size_t panel) {
        for (size_t c = 0; c < keep_; ++c)
            for (size_t v = 0; v < tile_vectors; ++v)
                places_[panel * keep_ + c].loss[v] = splat(not_a_number<T>);
    }

    COFACTOR_INLINE State take(size_t panel) const { return {places_ + panel * keep_, keep_}; }
    COFACTOR_INLINE void put(size_t, const State&) {}

    COFACTOR_INLINE void write(size_t panel, size_t lane, Label* index, double* loss) const {
        const size_t v = lane / lanes<T>, l = lane % lanes<T>;
        for (size_t c = 0; c < keep_; ++c) {
            const Place& place = places_[panel * keep_ + c];
            index[c] = static_cast<Label>(place.component[v][l]);
            loss[c] = place.loss[v][l];
        }
    }

private:
    size_t keep_;
    Scratch<Place> places_;
};

// Stable merge sort of `from` by loss; the result is in one of the two buffers.
template <class T>
Candidate<T>* sorted(Candidate<T>* from, Candidate<T>* to, size_t size) {
    for (size_t run = 1; run < size; run *= 2) {
        for (size_t begin = 0; begin < size; begin += 2 * run) {
            const size_t middle = smaller(begin + run, size), end = smaller(middle + run, size);
            size_t left = begin, right = middle;
            for (size_t i = begin; i < end; ++i) {
                const bool take_left =
                    left < middle && (right == end || from[left].loss <= from[right].loss);
                to[i] = from[take_left ? left++ : right++];
            }
        }
        Candidate<T>* const swapped = from;
        from = to;
        to = swapped;
    }
    return from;
}

template <class T>
void write_sorted(Candidate<T>* all, Candidate<T>* spare, size_t k, size_t keep, Label* index,
                  double* loss) {
    const Candidate<T>* const order = sorted(all, spare, k);
    for (size_t c = 0; c < keep; ++c) {
        index[c] = order[c].component;
        loss[c] = order[c].loss;
    }
}

// Any number of losses: all are stored, and each row is sorted at the end.
template <class T>
class Many {
public:
    static constexpr size_t bytes_per_panel(size_t, size_t k) {
        return k * tile_rows<T> * sizeof(T);
    }

    Many(size_t keep, size_t k, size_t panels)
        : keep_(keep), k_(k), losses_(panels * k * tile_rows<T>), candidates_(2 * k) {}

    struct State {
        T* losses;

        [[gnu::noinline]] void offer(size_t first, size_t count, const Tile<T>& tile) {
            for (size_t r = 0; r < count; ++r)
                for (size_t v = 0; v < tile_vectors; ++v)
                    store<T>(losses + (first + r) * tile_rows<T> + v * lanes<T>, tile[r][v]);
        }
    };

    COFACTOR_INLINE void start(size_t) {}
    COFACTOR_INLINE State take(size_t panel) const {
        return {losses_ + panel * k_ * tile_rows<T>};
    }
    COFACTOR_INLINE void put(size_t, const State&) {}

    void write(size_t panel, size_t lane, Label* index, double* loss) const {
        const T* const losses = take(panel).losses + lane;
        for (size_t j = 0; j < k_; ++j)
            candidates_[j] = {losses[j * tile_rows<T>], static_cast<Label>(j)};
        write_sorted<T>(candidates_, candidates_ + k_, k_, keep_, index, loss);
    }

private:
    size_t keep_, k_;
    Scratch<T> losses_;
    Scratch<Candidate<T>> candidates_;
};

}  // namespace cofactor::COFACTOR_ISA

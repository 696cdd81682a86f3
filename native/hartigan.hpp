// Moves of single rows that lower the inertia of a clustering [Hartigan 1975].
//
// To take a row of weight w at squared distance D from a cluster of weight N costs w D N/(N + w);
// to let one go that it has saves w D N/(N - w). Targets are proposed for many rows at once, with
// the products of top_losses.hpp; every move is then judged where the moves before it have left
// the means.
#pragma once

#include "csr_groups.hpp"
#include "top_losses.hpp"

namespace cofactor::COFACTOR_ISA {

COFACTOR_INLINE size_t number_of(const HartiganRows& rows, size_t i) {
    return static_cast<size_t>(rows.numbers[i]);
}

// The cheapest component of every row of a panel, its own apart.
template <class T>
struct CheapestTarget {
    Vec<T> half_norm[tile_vectors], weight[tile_vectors], cost[tile_vectors];
    Int<T> own[tile_vectors], component[tile_vectors];

    void start(const HartiganRows& rows, size_t first, size_t count) {
        for (size_t i = 0; i < tile_rows<T>; ++i) {
            const size_t n = number_of(rows, first + smaller(i, count - 1));
            const size_t v = i / lanes<T>, lane = i % lanes<T>;
            half_norm[v][lane] = static_cast<T>(rows.half_norms[n]);
            weight[v][lane] = static_cast<T>(rows.weights[n]);
            own[v][lane] = rows.places[rows.labels[n]];
        }
        for (size_t v = 0; v < tile_vectors; ++v) {
            cost[v] = splat(infinity<T>);
            component[v] = splat_int<T>(-1);
        }
    }

    [[gnu::noinline]] void offer(size_t first, size_t count, const T* shares, const Tile<T>& tile) {
        for (size_t r = 0; r < count; ++r) {
            const Int<T> id = splat_int<T>(static_cast<Lane<T>>(first + r));
            const Vec<T> share = splat(shares[first + r]);
            for (size_t v = 0; v < tile_vectors; ++v) {
                const Vec<T> price = (half_norm[v] + tile[r][v]) / (1 + weight[v] * share);
                const Int<T> better = (price < cost[v]) & (own[v] != id);
                cost[v] = better ? price : cost[v];
                component[v] = better ? id : component[v];
            }
        }
    }

    void write(size_t count, Label* index, double* costs) const {
        for (size_t i = 0; i < count; ++i) {
            index[i] = static_cast<Label>(component[i / lanes<T>][i % lanes<T>]);
            costs[i] = 2 * static_cast<double>(cost[i / lanes<T>][i % lanes<T>]);
        }
    }
};

template <class T>
void hartigan_targets(Matrix<const T> X, const T* shift, HartiganRows rows,
                      HartiganComponents<T> components, Label* index, double* cost) {
    const PackedComponents<T> storage(components.means, components.half_norms);
    const Tiles<T> packed = storage.tiles();
    constexpr size_t at_once = 64;  // panels that components are fetched for
    const size_t panel_size = tile_rows<T> * packed.d;
    const size_t group_bytes = tile_components * (packed.d + 1) * sizeof(T);
    const size_t groups_at_once = larger<size_t>(1, components_budget / group_bytes);
    const Scratch<T> panels(at_once * panel_size);
    const Scratch<CheapestTarget<T>> best(at_once);
    for (size_t first = 0; first < rows.size; first += at_once * tile_rows<T>) {
        const size_t end = smaller(first + at_once * tile_rows<T>, rows.size);
        const auto each_panel = [&](auto visit) {
            for (size_t row = first, p = 0; row < end; row += tile_rows<T>, ++p)
                visit(row, smaller(tile_rows<T>, end - row), panels + p * panel_size, best[p]);
        };
        each_panel([&](size_t row, size_t count, T* panel, CheapestTarget<T>& target) {
            const auto at = [&](size_t i) { return number_of(rows, row + i); };
            pack_panel(PlainRows<T>{X, shift}, count, at, panel);
            target.start(rows, row, count);
        });
        for (size_t begin = 0; begin < packed.groups(); begin += groups_at_once)
            each_panel([&](size_t, size_t, const T* panel, CheapestTarget<T>& target) {
                for (size_t g = begin; g < smaller(begin + groups_at_once, packed.groups()); ++g) {
                    Tile<T> tile;
                    tile_losses<T>(panel, packed.group(g), 1, tile_components, packed.offsets_of(g),
                                   packed.d, tile);
                    target.offer(g * tile_components, packed.count(g), components.shares, tile);
                }
            });
        each_panel([&](size_t row, size_t count, T*, const CheapestTarget<T>& target) {
            target.write(count, index + row, cost + row);
        });
    }
}

// components.means holds one row per column of the data, and whole groups of components.
template <class T, class I>
void hartigan_targets_csr(Csr<T, I> X, HartiganRows rows, HartiganComponents<T> components,
                          Label* index, double* cost) {
    const size_t k = components.means.columns;
    const Scratch<T> losses(k);
    for (size_t i = 0; i < rows.size; ++i) {
        const size_t n = number_of(rows, i);
        const Entries<T, I> row = entries(X, n);
        for_each_span<T>(k, [&](size_t first, size_t count) {
            losses_of_groups<span<T>>(count / group_size, row, components.means,
                                      components.half_norms, first, losses + first);
        });
        const T half_norm = static_cast<T>(rows.half_norms[n]);
        const T weight = static_cast<T>(rows.weights[n]);
        for (size_t j = 0; j < k; ++j)
            losses[j] = (half_norm + losses[j]) / (1 + weight * components.shares[j]);
        const Label own = rows.places[rows.labels[n]];
        if (own >= 0) losses[own] = infinity<T>;
        T best = infinity<T>;
        index[i] = -1;
        for (size_t first = 0; first < k; first += group_size) {
            const T least = least_of_group(losses + first);
            if (!(least < best)) continue;
            best = least;
            index[i] = static_cast<Label>(first + place_of(losses + first, least));
        }
        cost[i] = 2 * static_cast<double>(best);
    }
}

// Dense rows and the means that they are near.
template <class T>
struct DenseMeans {
    Matrix<const T> X;
    Matrix<double> means;

    COFACTOR_INLINE double distance(size_t n, size_t c) const {
        const T* const x = X.data + n * X.columns;
        const double* const mean = means.data + c * X.columns;
        return sum_of(X.columns, [=](size_t l) {
            const double residual = static_cast<double>(x[l]) - mean[l];
            return residual * residual;
        });
    }

    // Ask for a row and two means.
    COFACTOR_INLINE void fetch_move(size_t n, size_t from, size_t to) const {
        fetch(X.data + n * X.columns, X.columns * sizeof(T));
        fetch(means.data + from * means.columns, means.columns * sizeof(double));
        fetch(means.data + to * means.columns, means.columns * sizeof(double));
    }

    // Move a mean by a part of its way to a row.
    COFACTOR_INLINE void pull(size_t n, size_t c, double part) const {
        const T* const x = X.data + n * X.columns;
        double* __restrict const mean = means.data + c * X.columns;
        for (size_t l = 0; l < X.columns; ++l)
            mean[l] += part * (static_cast<double>(x[l]) - mean[l]);
    }
};

// Sparse rows and the means that they are near, with the squared norms of both.
template <class T, class I>
struct CsrMeans {
    Csr<T, I> X;
    Matrix<double> means;
    const double* half_norms;
    const Scratch<double> norms;

    CsrMeans(Csr<T, I> X, Matrix<double> means, const double* half_norms)
        : X(X), means(means), half_norms(half_norms), norms(means.rows) {
        for (size_t c = 0; c < means.rows; ++c) measure(c);
    }

    COFACTOR_INLINE void measure(size_t c) const {
        const double* const mean = means.data + c * means.columns;
        norms[c] = sum_of(means.columns, [=](size_t l) { return mean[l] * mean[l]; });
    }

    COFACTOR_INLINE double distance(size_t n, size_t c) const {
        const double* const mean = means.data + c * means.columns;
        const Entries<T, I> row = entries(X, n);
        const double product = sum_of(row.count, [=](size_t p) {
            return static_cast<double>(row.values[p]) * mean[row.columns[p]];
        });
        return at_least(2 * (half_norms[n] - product) + norms[c], 0.0);
    }

    COFACTOR_INLINE void fetch_move(size_t n, size_t, size_t) const {
        const Entries<T, I> row = entries(X, n);
        fetch(row.values, row.count * sizeof(T));
        fetch(row.columns, row.count * sizeof(I));
    }

    void pull(size_t n, size_t c, double part) const {
        double* __restrict const mean = means.data + c * means.columns;
        for (size_t l = 0; l < means.columns; ++l) mean[l] -= part * mean[l];
        for (I p = X.indptr[n]; p < X.indptr[n + 1]; ++p)
            mean[X.indices[p]] += part * static_cast<double>(X.data[p]);
        measure(c);
    }
};

// Whether a row leaves anything behind in its component, and by what factor less its distance.
struct Leaving {
    double left, rest;

    Leaving(const Clustering& clustering, size_t n)
        : left(clustering.counts[clustering.labels[n]]), rest(left - clustering.weights[n]) {}

    COFACTOR_INLINE bool alone(const HartiganLimits& limits) const {
        return !(rest > limits.alone * left);
    }
    COFACTOR_INLINE double saved(double distance) const { return distance * (left / rest); }
};

COFACTOR_INLINE bool pays(double saved, double cost, const HartiganLimits& limits) {
    return saved - cost > limits.relative * saved + limits.absolute;
}

// Let bounds follow the means; list the rows that they leave a move open to.
template <class Means>
size_t open_rows(const Means& means, size_t begin, size_t end, const HartiganDrift& drift,
                 const HartiganLimits& limits, const Clustering& clustering,
                 const HartiganBounds& bounds, std::int64_t* rows) {
    size_t count = 0;
    for (size_t n = begin; n < end; ++n) {
        const size_t own = static_cast<size_t>(clustering.labels[n]);
        double &upper = bounds.upper[n], &lower = bounds.lower[n];
        upper += drift.means[own];
        lower = at_least(drift.factor * lower - drift.term, 0.0);
        const Leaving leaving(clustering, n);
        if (leaving.alone(limits) || !pays(leaving.saved(upper * upper), lower * lower, limits))
            continue;
        const double distance = means.distance(n, own);
        upper = __builtin_sqrt(distance);
        rows[count] = static_cast<std::int64_t>(n);
        count += pays(leaving.saved(distance), lower * lower, limits);
    }
    return count;
}

// Make the proposed moves that lower the inertia, one after the other; return by how much.
template <class Means>
double make_moves(const Means& means, Proposals proposals, const HartiganLimits& limits,
                  Clustering clustering) {
    double gain = 0;
    constexpr size_t ahead = 4;  // proposals
    for (size_t i = 0; i < proposals.size; ++i) {
        if (i + ahead < proposals.size) {
            const size_t next = static_cast<size_t>(proposals.rows[i + ahead]);
            means.fetch_move(next, static_cast<size_t>(clustering.labels[next]),
                             static_cast<size_t>(proposals.targets[i + ahead]));
        }
        const size_t n = static_cast<size_t>(proposals.rows[i]);
        const size_t from = static_cast<size_t>(clustering.labels[n]);
        const size_t to = static_cast<size_t>(proposals.targets[i]);
        const Leaving leaving(clustering, n);
        if (from == to || leaving.alone(limits)) continue;
        const double weight = clustering.weights[n];
        double& joined = clustering.counts[to];
        const double saved = leaving.saved(means.distance(n, from));
        const double cost = means.distance(n, to) * (joined / (joined + weight));
        if (!pays(saved, cost, limits)) continue;
        means.pull(n, from, -weight / leaving.rest);
        means.pull(n, to, weight / (joined + weight));
        clustering.counts[from] = leaving.rest;
        joined += weight;
        clustering.labels[n] = proposals.targets[i];
        gain += weight * (saved - cost);
    }
    return gain;
}

template <class T>
size_t hartigan_open(Matrix<const T> X, Matrix<double> means, size_t begin, size_t end,
                     HartiganDrift drift, HartiganLimits limits, Clustering clustering,
                     HartiganBounds bounds, std::int64_t* rows) {
    return open_rows(DenseMeans<T>{X, means}, begin, end, drift, limits, clustering, bounds, rows);
}

template <class T, class I>
size_t hartigan_open_csr(Csr<T, I> X, const double* half_norms, Matrix<double> means, size_t begin,
                         size_t end, HartiganDrift drift, HartiganLimits limits,
                         Clustering clustering, HartiganBounds bounds, std::int64_t* rows) {
    return open_rows(CsrMeans<T, I>(X, means, half_norms), begin, end, drift, limits, clustering,
                     bounds, rows);
}

template <class T>
double hartigan_moves(Matrix<const T> X, Proposals proposals, HartiganLimits limits,
                      Clustering clustering, Matrix<double> means) {
    return make_moves(DenseMeans<T>{X, means}, proposals, limits, clustering);
}

template <class T, class I>
double hartigan_moves_csr(Csr<T, I> X, const double* half_norms, Proposals proposals,
                          HartiganLimits limits, Clustering clustering, Matrix<double> means) {
    return make_moves(CsrMeans<T, I>(X, means, half_norms), proposals, limits, clustering);
}

}  // namespace cofactor::COFACTOR_ISA

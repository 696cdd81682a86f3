// Nearest centres of dense rows, behind bounds that carry over from step to step.
//
// Centres come in groups. A row knows an upper bound of the distance to its own centre and, for
// every group, a lower bound of the distance to any other centre of it [Ding et al. 2015]. Bounds
// loosen by as much as centres move; only groups that they do not exclude are looked at. What is
// looked at goes through the products of top_losses.hpp, the same sums in the same order, and
// bounds allow for rounding: labels are those of the full search to the last tie.
#pragma once

#include "top_losses.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t chunk_budget = 256 * 1024;  // bytes of rows worked on at once
constexpr size_t ahead = 12;                 // rows that are fetched before they are needed

template <class T>
constexpr T rounding = sizeof(T) == sizeof(float) ? T(6e-8) : T(1.2e-16);

// Distances from losses, moved by at least what rounding may have done to the losses.
template <class T>
class Slack {
public:
    Slack(size_t d, T reach)
        : product_(T(2.5) * static_cast<T>(d + 8) * rounding<T> * reach),
          constant_(T(0.5) * reach * product_) {}

    // Of twice a loss, for a row at this distance from the reference point.
    COFACTOR_INLINE T operator()(T norm) const {
        return norm * product_ + constant_ + 12 * rounding<T> * norm * norm;
    }
    // How far two losses must differ, as a distance that is surely farther than `upper`.
    COFACTOR_INLINE T clear_of(T upper, T norm) const {
        return root(upper * upper + 2 * (*this)(norm)) * (1 + 6 * rounding<T>);
    }
    COFACTOR_INLINE T lower(T loss, T norm) const {
        const T square = norm * norm + 2 * loss - (*this)(norm);
        return root(square > 0 ? square : 0) * (1 - 6 * rounding<T>);
    }
    COFACTOR_INLINE T upper(T loss, T norm) const {
        const T square = norm * norm + 2 * loss + (*this)(norm);
        return root(square > 0 ? square : 0) * (1 + 6 * rounding<T>);
    }

    COFACTOR_INLINE static float root(float value) { return __builtin_sqrtf(value); }
    COFACTOR_INLINE static double root(double value) { return __builtin_sqrt(value); }

private:
    T product_, constant_;
};

// The smallest and the second smallest loss of a group, for one panel of rows. Offers are not
// inlined, so that they take no registers from the products.
template <class T>
struct BestTwo {
    Vec<T> loss[tile_vectors], second[tile_vectors];
    Int<T> place[tile_vectors];

    COFACTOR_INLINE BestTwo() {
        for (size_t v = 0; v < tile_vectors; ++v) {
            loss[v] = second[v] = splat(infinity<T>);
            place[v] = Int<T>{};
        }
    }

    [[gnu::noinline]] void offer(size_t first, const Tile<T>& tile) {
        for (size_t r = 0; r < tile_components; ++r) {
            const Int<T> id = splat_int<T>(static_cast<Lane<T>>(first + r));
            for (size_t v = 0; v < tile_vectors; ++v) {
                const Vec<T> candidate = tile[r][v];
                const Int<T> better = candidate < loss[v];
                const Vec<T> loser = better ? loss[v] : candidate;
                second[v] = loser < second[v] ? loser : second[v];
                loss[v] = better ? candidate : loss[v];
                place[v] = better ? id : place[v];
            }
        }
    }
};

// The rows of a chunk that their bounds did not settle, and the best found for each so far.
template <class T>
struct OpenRows {
    explicit OpenRows(size_t size)
        : row(size), component(size), norm(size), loss(size), second(size) {}

    const Scratch<Label> row, component;
    const Scratch<T> norm, loss, second;
    size_t count = 0;
};

// The best of a panel's rows so far (component -1: none), and the candidates of another group.
template <class T>
struct Rivals {
    T loss[tile_rows<T>], second[tile_rows<T>];
    Lane<T> component[tile_rows<T>], candidate[tile_rows<T>];

    // Let the better stay; of equals, the lower component.
    COFACTOR_INLINE void meet(const BestTwo<T>& best) {
        for (size_t v = 0; v < tile_vectors; ++v) {
            const size_t at = v * lanes<T>;
            const Vec<T> least = load(loss + at), runner_up = load(second + at);
            Int<T> own, other;
            __builtin_memcpy(&own, component + at, sizeof own);
            __builtin_memcpy(&other, candidate + at, sizeof other);
            const Int<T> better = (best.loss[v] < least) | (own < 0) |
                                  ((best.loss[v] == least) & (other < own));
            store<T>(loss + at, better ? best.loss[v] : least);
            store<T>(second + at, better ? best.second[v] : runner_up);
            own = better ? other : own;
            __builtin_memcpy(component + at, &own, sizeof own);
        }
    }
};

template <class T>
class BoundedSearch {
public:
    BoundedSearch(Matrix<const T> X, const T* shift, const T* norms, const Groups<T>& groups,
                  const Bounds<T>& bounds, Label* moved)
        : X_(X),
          shift_(shift),
          norms_(norms),
          groups_(groups),
          bounds_(bounds),
          moved_(moved),
          slack_(X.columns, groups.reach),
          chunk_(smaller(larger<size_t>(256, chunk_budget / (X.columns * sizeof(T) + 1)),
                         X.rows)),
          open_(chunk_),
          doubtful_(chunk_ + 1),
          lists_(chunk_ * groups.members.rows + 1),
          listed_(groups.members.rows),
          least_(chunk_),
          clear_(chunk_),
          panels_(round_up(chunk_, tile_rows<T>) * X.columns) {}

    // Update labels and bounds of all rows; return how many changed their label.
    size_t run() {
        for (size_t begin = 0; begin < X_.rows; begin += chunk_) {
            const size_t end = smaller(begin + chunk_, X_.rows);
            loosen(begin, end);
            select(begin, end);
            for (size_t g = 0; g < groups_.members.rows; ++g) search(g);
            settle();
        }
        return n_moved_;
    }

private:
    COFACTOR_INLINE T* lower(size_t g) const { return bounds_.lower + g * X_.rows; }

    // Let bounds follow the centres; keep the least lower bound of each row, and what the row must
    // be clear of.
    [[gnu::noinline]] void loosen(size_t begin, size_t end) {
        for (size_t n = begin; n < end; ++n)
            if (bounds_.label[n] >= 0)
                bounds_.upper[n] =
                    (bounds_.upper[n] + groups_.drift[bounds_.label[n]]) * (1 + 2 * rounding<T>);
        const Slack<T> slack = slack_;
        T* __restrict const clear = clear_;
        for (size_t i = 0; i < end - begin; ++i)
            clear[i] = slack.clear_of(bounds_.upper[begin + i], norms_[begin + i]);
        T* __restrict const least = least_;
        for (size_t i = 0; i < end - begin; ++i) least[i] = infinity<T>;
        for (size_t g = 0; g < groups_.members.rows; ++g) {
            T* __restrict const bound = lower(g) + begin;
            const T drift = groups_.group_drift[g];
            for (size_t i = 0; i < end - begin; ++i) {
                const T looser = (bound[i] - drift) * (1 - 2 * rounding<T>);
                bound[i] = looser > 0 ? looser : 0;
                least[i] = bound[i] < least[i] ? bound[i] : least[i];
            }
        }
    }

    // List the rows that bounds do not settle under the groups they must look at.
    [[gnu::noinline]] void select(size_t begin, size_t end) {
        open_.count = 0;
        packed_ = false;
        for (size_t g = 0; g < groups_.members.rows; ++g) listed_[g] = 0;
        const size_t doubtful = doubt(begin, end);
        for (size_t i = 0; i < doubtful; ++i) {
            prefetch(static_cast<size_t>(doubtful_[smaller(i + ahead, doubtful - 1)]));
            const size_t n = static_cast<size_t>(doubtful_[i]);
            if (bounds_.label[n] >= 0) bounds_.upper[n] = own_distance(n);
            const T clear = slack_.clear_of(bounds_.upper[n], norms_[n]);
            if (!(clear < least_[n - begin])) list(n, clear);
        }
    }

    // Find the rows that loose upper bounds do not settle.
    size_t doubt(size_t begin, size_t end) const {
        size_t count = 0;
        for (size_t i = 0; i < end - begin; ++i) {
            doubtful_[count] = static_cast<Label>(begin + i);
            count += !(clear_[i] < least_[i]);
        }
        return count;
    }

    COFACTOR_INLINE void prefetch(size_t n) const {
        const char* const row = reinterpret_cast<const char*>(X_.data + n * X_.columns);
        for (size_t at = 0; at < X_.columns * sizeof(T); at += 64) __builtin_prefetch(row + at);
    }

    T own_distance(size_t n) const {
        const T* const x = X_.data + n * X_.columns;
        const T* const center =
            groups_.components.data + static_cast<size_t>(bounds_.label[n]) * X_.columns;
        Vec<T> squares{};
        size_t l = 0;
        for (; l + lanes<T> <= X_.columns; l += lanes<T>) {
            const Vec<T> residual = load(x + l) - load(shift_ + l) - load(center + l);
            squares += residual * residual;
        }
        T parts[lanes<T>];
        store<T>(parts, squares);
        for (size_t width = lanes<T> / 2; width > 0; width /= 2)
            for (size_t i = 0; i < width; ++i) parts[i] += parts[i + width];
        for (; l < X_.columns; ++l) {
            const T residual = x[l] - shift_[l] - center[l];
            parts[0] += residual * residual;
        }
        return Slack<T>::root(parts[0]) * (1 + static_cast<T>(X_.columns + 8) * rounding<T>);
    }

    [[gnu::noinline]] void list(size_t n, T clear) {
        const size_t groups = groups_.members.rows, q = open_.count++;
        const size_t own = bounds_.label[n] < 0 ? groups : group_of(bounds_.label[n]);
        for (size_t g = 0; g < groups; ++g) {
            lists_[g * chunk_ + listed_[g]] = static_cast<Label>(q);
            listed_[g] += (g == own) | !(clear < lower(g)[n]);
        }
        open_.row[q] = static_cast<Label>(n);
        open_.norm[q] = norms_[n];
        open_.component[q] = -1;
        open_.loss[q] = open_.second[q] = infinity<T>;
    }

    // Look at all centres of a group for the rows listed under it, one panel after the other.
    void search(size_t g) {
        const bool all = listed_[g] == open_.count;
        for (size_t first = 0; first < listed_[g]; first += tile_rows<T>) {
            const Label* const list = lists_ + g * chunk_ + first;
            const size_t count = smaller(tile_rows<T>, listed_[g] - first);
            T* const panel = panels_ + (all ? first * X_.columns : 0);
            if (!all || !packed_) pack(list, count, panel);
            BestTwo<T> best;
            scan_group(g, panel, best);
            merge(g, list, count, best);
        }
        packed_ = all;
    }

    [[gnu::noinline]] void scan_group(size_t g, const T* panel, BestTwo<T>& best) const {
        const size_t size = groups_.members.columns, d = X_.columns;
        for (size_t first = 0; first < size; first += tile_components) {
            const size_t place = g * size + first;
            Tile<T> tile;
            tile_losses<T>(panel, groups_.tiles + place * d, 1, tile_components,
                           groups_.offsets + place, d, tile);
            best.offer(first, tile);
        }
    }

    [[gnu::noinline]] void pack(const Label* list, size_t count, T* panel) const {
        for (size_t i = 0; i < round_up(count, 4); i += 4) {
            const T* rows[4];
            for (size_t j = 0; j < 4; ++j)
                rows[j] = X_.data + static_cast<size_t>(open_.row[list[smaller(i + j, count - 1)]]) *
                                        X_.columns;
            transpose_four(ShiftedRows<T>{rows, shift_}, X_.columns, panel + i, tile_rows<T>);
        }
    }

    // Bound the rows' distances to the group by its best, and keep that best if it wins.
    [[gnu::noinline]] void merge(size_t g, const Label* list, size_t count, const BestTwo<T>& best) const {
        const Label* const members = groups_.members.data + g * groups_.members.columns;
        constexpr size_t width = tile_rows<T>;
        Rivals<T> rivals;
        T norm[width], bound[width];
        for (size_t i = 0; i < width; ++i) {
            const size_t q = static_cast<size_t>(list[smaller(i, count - 1)]);
            norm[i] = open_.norm[q];
            rivals.loss[i] = open_.loss[q];
            rivals.second[i] = open_.second[q];
            rivals.component[i] = open_.component[q];
            rivals.candidate[i] = members[best.place[i / lanes<T>][i % lanes<T>]];
        }
        lower_bounds(best, norm, bound);
        rivals.meet(best);
        T* const bounds = lower(g);
        for (size_t i = 0; i < count; ++i) {
            const size_t q = static_cast<size_t>(list[i]);
            bounds[open_.row[q]] = bound[i];
            open_.loss[q] = rivals.loss[i];
            open_.second[q] = rivals.second[i];
            open_.component[q] = static_cast<Label>(rivals.component[i]);
        }
    }

    [[gnu::noinline]] void lower_bounds(const BestTwo<T>& best, const T* __restrict norm,
                                        T* __restrict bound) const {
        const Slack<T> slack = slack_;
        const T* const loss = reinterpret_cast<const T*>(best.loss);
        for (size_t i = 0; i < tile_rows<T>; ++i) bound[i] = slack.lower(loss[i], norm[i]);
    }

    [[gnu::noinline]] void settle() {
        for (size_t q = 0; q < open_.count; ++q) {
            const Label row = open_.row[q], component = open_.component[q];
            // The row's own group is bounded by its second best.
            lower(group_of(component))[row] = slack_.lower(open_.second[q], open_.norm[q]);
            if (bounds_.label[row] == component) continue;
            bounds_.upper[row] = slack_.upper(open_.loss[q], open_.norm[q]);
            bounds_.label[row] = component;
            moved_[n_moved_++] = row;
        }
    }

    COFACTOR_INLINE size_t group_of(Label component) const {
        return static_cast<size_t>(groups_.places[component]) / groups_.members.columns;
    }

    const Matrix<const T> X_;
    const T *const shift_, *const norms_;
    const Groups<T>& groups_;
    const Bounds<T>& bounds_;
    Label* const moved_;
    const Slack<T> slack_;
    const size_t chunk_;
    OpenRows<T> open_;
    const Scratch<Label> doubtful_, lists_;
    const Scratch<size_t> listed_;
    const Scratch<T> least_, clear_, panels_;
    bool packed_ = false;  // whether the panels hold all open rows
    size_t n_moved_ = 0;
};

template <class T>
size_t bounded_nearest(Matrix<const T> X, const T* shift, const T* norms, Groups<T> groups,
                       Bounds<T> bounds, Label* moved) {
    return BoundedSearch<T>(X, shift, norms, groups, bounds, moved).run();
}

}  // namespace cofactor::COFACTOR_ISA

// Quadratic programs of nonnegative codes, those of sixteen rows together: lanes are rows.
//
// Hessians are packed, entries (t, u) with u <= t, and swept as they are: entries before the
// diagonal lie one after the other, those behind it ever farther apart.
#pragma once

#include "poisson_row.hpp"
#include "transpose.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t newton_rows = 16;  // of a block: as many as the Hessians are packed for

// What a step leaves of a code at least: zeros are approached by factors, and can be left.
constexpr double newton_part = 0.05;

constexpr size_t packed_size(size_t k) { return k * (k + 1) / 2; }

// The minimum of slope (u - z) + bend (u - z)^2 / 2, with step = 1 / bend.
template <class T>
struct Parabola {
    COFACTOR_INLINE Vec<T> operator()(Vec<T> z, Vec<T> slope, Vec<T>, Vec<T> step) const {
        return z - slope * step;
    }
};

// The same less log ln u, which a prior adds: exact, however far that is from its own parabola.
template <class T>
struct HeldUp {
    T log;

    COFACTOR_INLINE Vec<T> operator()(Vec<T> z, Vec<T> slope, Vec<T> bend, Vec<T> step) const {
        const Vec<T> linear = slope - bend * z;
        const Vec<T> root = roots<T>(linear * linear + 4 * log * bend);
        const Vec<T> falling = 2 * log / positive<T>(linear + root);
        return linear > 0 ? falling : (root - linear) * step / T{2};
    }
};

// A program moves codes down along a Hessian that explains the derivatives exactly, or roughly
// once it is rescaled. Arrays are [component][row].
template <class T>
class NewtonPrograms {
public:
    explicit NewtonPrograms(size_t k)
        : price(k * newton_rows),
          k_(k),
          code_(k * newton_rows),
          explained_(k * newton_rows),
          product_(k * newton_rows),
          solved_(round_up(k, 4) * newton_rows),
          scale_(k * lanes<T>),
          start_(k * lanes<T>),
          slope_(k * lanes<T>),
          least_(k * lanes<T>),
          bend_(k * lanes<T>),
          step_(k * lanes<T>),
          moved_(k * lanes<T>) {
        __builtin_memset(solved_, 0, round_up(k, 4) * newton_rows * sizeof(T));
    }

    // Take rows of `width` codes, and of sums of rates times components there.
    void open(const T* codes, const T* explained, size_t width) {
        for (size_t l = 0; l < newton_rows; l += 4) {
            transpose_four(RowsInTurn<T>{codes + l * width, width}, k_, code_ + l, newton_rows);
            transpose_four(RowsInTurn<T>{explained + l * width, width}, k_, explained_ + l,
                           newton_rows);
        }
    }

    // Which rows have Hessians that explain too little of what they should.
    unsigned stale(const T* hessians, double tolerance) {
        unsigned rows = 0;
        for (size_t lane = 0; lane < newton_rows; lane += lanes<T>) {
            multiply(hessians + lane, lane);
            Vec<T> off{}, whole{};
            for (size_t t = 0; t < k_; ++t) {
                const size_t at = t * newton_rows + lane;
                const Vec<T> z = load(code_ + at), own = load(explained_ + at);
                const Vec<T> rest = own - load(product_ + at);
                off += z * (rest < 0 ? -rest : rest);
                whole += z * own;
            }
            const Vec<T> most = whole * static_cast<T>(tolerance);
            for (size_t i = 0; i < lanes<T>; ++i)
                rows |= static_cast<unsigned>(!(off[i] <= most[i])) << (lane + i);
        }
        return rows;
    }

    // Solve all programs; Hessians of `fresh` rows are exact. Needs products of the others.
    void solve(const T* hessians, unsigned fresh, const PoissonModel<T>& model, size_t sweeps) {
        for (size_t lane = 0; lane < newton_rows; lane += lanes<T>) {
            rescale(lane, fresh >> lane);
            begin(hessians + lane, lane, model);
            if (model.log > 0)
                descend(hessians + lane, sweeps, HeldUp<T>{static_cast<T>(model.log)});
            else
                descend(hessians + lane, sweeps, Parabola<T>{});
            for (size_t t = 0; t < k_; ++t)
                store<T>(solved_ + t * newton_rows + lane,
                         (load(start_ + t * lanes<T>) + moved(t)) / load(scale_ + t * lanes<T>));
        }
    }

    // Give the solutions to rows of `width` codes, at least as many as components in whole fours.
    void close(T* codes, size_t width) const {
        for (size_t t = 0; t < k_; t += 4)
            transpose_four(RowsInTurn<T>{solved_ + t * newton_rows, newton_rows}, newton_rows,
                           codes + t, width);
    }

    const Scratch<T> price;  // of codes: [component][row], set by the caller

private:
    // product = hessian * code
    void multiply(const T* hessians, size_t lane) {
        for (size_t t = 0; t < k_; ++t) {
            const Vec<T> z = load(code_ + t * newton_rows + lane);
            Vec<T> sum{};
            for (size_t u = 0; u < t; ++u) {
                const Vec<T> entry = load(hessians + u * newton_rows);
                T* const other = product_ + u * newton_rows + lane;
                sum += entry * load(code_ + u * newton_rows + lane);
                store<T>(other, load(other) + entry * z);
            }
            sum += load(hessians + t * newton_rows) * z;
            store<T>(product_ + t * newton_rows + lane, sum);
            hessians += (t + 1) * newton_rows;
        }
    }

    // Scale components so that an old Hessian explains what it should, roughly.
    void rescale(size_t lane, unsigned fresh) {
        constexpr T range = 1e4;
        Int<T> exact{};
        for (size_t i = 0; i < lanes<T>; ++i) exact[i] = fresh >> i & 1 ? -1 : 0;
        for (size_t t = 0; t < k_; ++t) {
            const size_t at = t * newton_rows + lane;
            const Vec<T> ratio =
                positive<T>(load(explained_ + at)) / positive<T>(load(product_ + at));
            const Vec<T> high = at_least(ratio, splat(1 / range));
            const Vec<T> scale = roots<T>(high < range ? high : splat(range));
            store<T>(scale_ + t * lanes<T>, exact ? splat(T{1}) : scale);
        }
    }

    // Gradients, and diagonals of at least explained^2 / counts, as Cauchy-Schwarz says they are.
    void begin(const T* diagonal, size_t lane, const PoissonModel<T>& model) {
        Vec<T> counts = splat(least_fitted<T>);
        for (size_t t = 0; t < k_; ++t) {
            const size_t at = t * newton_rows + lane;
            counts += load(code_ + at) * load(explained_ + at);
        }
        const T l2 = static_cast<T>(model.l2), floor = static_cast<T>(model.floor);
        for (size_t t = 0; t < k_; ++t) {
            const size_t at = t * newton_rows + lane, here = t * lanes<T>;
            const Vec<T> s = load(scale_ + here), z = load(code_ + at);
            const Vec<T> own = load(explained_ + at), scaled = own / s;
            const Vec<T> bend = at_least(load(diagonal), scaled * scaled / counts) + l2 / (s * s);
            diagonal += (t + 2) * newton_rows;
            store<T>(bend_ + here, bend);
            store<T>(step_ + here, T{1} / at_least(bend, splat(least_fitted<T>)));
            store<T>(slope_ + here, (load(price + at) + l2 * z - own) / s);
            store<T>(start_ + here, s * z);
            store<T>(least_ + here, s * at_least(z * static_cast<T>(newton_part), splat(floor)));
            store<T>(moved_ + here, Vec<T>{});
        }
    }

    template <class Minimum>
    void descend(const T* hessians, size_t sweeps, Minimum minimum) {
        for (size_t sweep = 0; sweep < sweeps; ++sweep) sweep_once(hessians, minimum);
    }

    // Move every code to its minimum, one after the other.
    template <class Minimum>
    void sweep_once(const T* row, Minimum minimum) {
        Vec<T> last{};
        for (size_t t = 0; t < k_; ++t, row += t * newton_rows) {
            const size_t here = t * lanes<T>;
            const Vec<T> own = moved(t), start = load(start_ + here);
            Vec<T> slope = load(slope_ + here) + load(bend_ + here) * own + behind(row, t);
            slope += before(row, t);
            if (t) slope += load(row + (t - 1) * newton_rows) * last;  // last, as it was known last
            const Vec<T> target =
                minimum(start + own, slope, load(bend_ + here), load(step_ + here));
            last = at_least(target, load(least_ + here)) - start;
            store<T>(moved_ + here, last);
        }
    }

    // What the codes before t, but for the last of them, have added to its slope: two chains.
    COFACTOR_INLINE Vec<T> before(const T* row, size_t t) const {
        Vec<T> even{}, odd{};
        size_t u = 0;
        for (; u + 2 < t; u += 2) {
            even += load(row + u * newton_rows) * moved(u);
            odd += load(row + (u + 1) * newton_rows) * moved(u + 1);
        }
        if (u + 1 < t) even += load(row + u * newton_rows) * moved(u);
        return even + odd;
    }

    // What the codes behind t have added: row u of the Hessian is u + 1 entries long.
    COFACTOR_INLINE Vec<T> behind(const T* row, size_t t) const {
        Vec<T> even{}, odd{};
        const T* entry = row + (2 * t + 1) * newton_rows;
        size_t u = t + 1;
        for (; u + 1 < k_; u += 2) {
            even += load(entry) * moved(u);
            entry += (u + 1) * newton_rows;
            odd += load(entry) * moved(u + 1);
            entry += (u + 2) * newton_rows;
        }
        if (u < k_) even += load(entry) * moved(u);
        return even + odd;
    }

    COFACTOR_INLINE Vec<T> moved(size_t u) const { return load(moved_ + u * lanes<T>); }

    const size_t k_;
    const Scratch<T> code_, explained_, product_, solved_;
    const Scratch<T> scale_, start_, slope_, least_, bend_, step_, moved_;
};

// Whether codes move by more than a part of their mean, each counted by what it explains.
template <class T>
bool moves_beyond(double part, const T* from, const T* to, const T* explained, size_t k) {
    double moved = 0, whole = 0;
    for (size_t t = 0; t < k; ++t) {
        const double change = static_cast<double>(to[t]) - static_cast<double>(from[t]);
        moved += (change < 0 ? -change : change) * static_cast<double>(explained[t]);
        whole += static_cast<double>(from[t]) * static_cast<double>(explained[t]);
    }
    return moved > part * whole;
}

}  // namespace cofactor::COFACTOR_ISA

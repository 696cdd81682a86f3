// Nearest centres of a piece of sparse rows, behind bounds that carry over from sweep to sweep.
//
// A row knows an upper bound of the distance to its own centre and, for every band of components, a
// lower bound of the distance to any other centre of it [Ding et al. 2015]. Bounds loosen by as much
// as centres move; only bands that they leave open are looked at. Losses are summed alike whatever
// is looked at, and bounds allow for rounding: labels are those of a full search, to the last tie.
#pragma once

#include "csr_space.hpp"

namespace cofactor::COFACTOR_ISA {

// Distances from losses, moved by at least what rounding may have done to the losses of a row.
template <class T>
class DistanceSlack {
public:
    // `longest` is the number of products of a row at most, `reach` the norm of a centre.
    DistanceSlack(size_t longest, T reach)
        : product_(T(2.5) * static_cast<T>(longest + 8) * unit * reach),
          constant_(T(0.5) * reach * product_) {}

    // How far two losses must differ, as a distance that is surely farther than `upper`.
    COFACTOR_INLINE T clear_of(T upper, T norm) const {
        return root(upper * upper + 2 * of_square(norm)) * (1 + 6 * unit);
    }
    COFACTOR_INLINE T lower(T loss, T norm) const {
        const T square = norm * norm + 2 * loss - of_square(norm);
        return root(square > 0 ? square : 0) * (1 - 6 * unit);
    }
    COFACTOR_INLINE T upper(T loss, T norm) const {
        const T square = norm * norm + 2 * loss + of_square(norm);
        return root(square > 0 ? square : 0) * (1 + 6 * unit);
    }
    // Bounds after a step of this length.
    COFACTOR_INLINE static T farther(T upper, T step) { return (upper + step) * (1 + 2 * unit); }
    COFACTOR_INLINE static T nearer(T lower, T step) {
        const T bound = (lower - step) * (1 - 2 * unit);
        return bound > 0 ? bound : 0;
    }

private:
    static constexpr T unit = sizeof(T) == sizeof(float) ? T(6e-8) : T(1.2e-16);

    COFACTOR_INLINE static float root(float value) { return __builtin_sqrtf(value); }
    COFACTOR_INLINE static double root(double value) { return __builtin_sqrt(value); }
    // Of a squared distance.
    COFACTOR_INLINE T of_square(T norm) const {
        return norm * product_ + constant_ + 12 * unit * norm * norm;
    }

    T product_, constant_;
};

template <class T, class I>
class CsrSearch {
public:
    CsrSearch(const Csr<T, I>& X, Label* labels, const CsrSpace<T>& space)
        : X_(X),
          labels_(labels),
          space_(space),
          longest_(longest_row(X)),
          least_(space.rows),
          clear_(space.rows),
          group_least_(space.groups) {}

    // Update labels and bounds of rows [begin, end), list those that moved and return their number.
    size_t run(size_t begin, size_t end) {
        const Slack slack(longest_, reach());
        evaluations_ = 0;
        for (size_t n = begin; n < end; ++n) recall(n);
        loosen(slack, begin, end);
        size_t moved = 0;
        for (size_t n = begin; n < end; ++n) {
            if (clear_[n - begin] < least_[n - begin]) continue;
            const Label before = labels_[n];
            settle(slack, n, clear_[n - begin]);
            if (labels_[n] == before) continue;
            space_.moved[begin + moved] = static_cast<Label>(n - begin);
            space_.before[begin + moved++] = before;
        }
        return moved;
    }

    // How many distances the last run computed.
    std::int64_t evaluations() const { return evaluations_; }

private:
    using Slack = DistanceSlack<T>;

    // The best component of a row so far (-1: none), and the losses of its group.
    struct Best {
        T loss = infinity<T>;
        Label component = -1;
        T losses[group_size];
    };

    static size_t longest_row(const Csr<T, I>& X) {
        I longest = 0;
        for (size_t n = 0; n < X.rows; ++n)
            longest = larger<I>(longest, X.indptr[n + 1] - X.indptr[n]);
        return static_cast<size_t>(longest);
    }

    // At least the norm of every centre.
    T reach() const {
        double most = 0;
        for (size_t j = 0; j < space_.components; ++j) most = larger(most, space_.squares[j]);
        return static_cast<T>(__builtin_sqrt(most) * (1 + 1e-6));
    }

    COFACTOR_INLINE T& lower(size_t band, size_t n) const {
        return space_.lower[band * X_.rows + n];
    }

    // Bounds mean nothing for a label that was given by others.
    COFACTOR_INLINE void recall(size_t n) const {
        if (labels_[n] >= 0 && space_.known[n] == labels_[n] + 1) return;
        space_.upper[n] = infinity<T>;
        for (size_t b = 0; b < space_.bands; ++b) lower(b, n) = 0;
    }

    // Let bounds follow the centres; keep the least lower bound of each row, and what the row must
    // be clear of.
    [[gnu::noinline]] void loosen(const Slack& slack, size_t begin, size_t end) {
        T* __restrict const least = least_;
        for (size_t n = begin; n < end; ++n) {
            const T step = space_.drift[larger(labels_[n], 0)];
            space_.upper[n] = Slack::farther(space_.upper[n], step);
            clear_[n - begin] = slack.clear_of(space_.upper[n], space_.norms[n]);
            least[n - begin] = infinity<T>;
        }
        for (size_t b = 0; b < space_.bands; ++b) {
            T* __restrict const bound = &lower(b, begin);
            const T step = space_.band_drift[b];
            for (size_t i = 0; i < end - begin; ++i) {
                bound[i] = Slack::nearer(bound[i], step);
                least[i] = smaller(least[i], bound[i]);
            }
        }
    }

    // Look at the row's own band first if that may spare most others.
    void settle(const Slack& slack, size_t n, T clear) {
        Best best;
        size_t own = labels_[n] < 0 ? space_.bands : band_of(labels_[n]);
        if (own < space_.bands && 2 * in_doubt(n, clear) <= space_.bands) {
            look(slack, n, own, own + 1, best);
            clear = slack.clear_of(slack.upper(best.loss, space_.norms[n]), space_.norms[n]);
            own = space_.bands;  // is done
        }
        const size_t step = larger<size_t>(1, span<T> / space_.width);
        for (size_t first = 0; first < space_.bands; first += step)
            look_where_needed(slack, n, own, clear, first, smaller(first + step, space_.bands),
                              best);
        remember(slack, n, best);
    }

    COFACTOR_INLINE size_t band_of(Label component) const {
        return static_cast<size_t>(component) / group_size / space_.width;
    }

    size_t in_doubt(size_t n, T clear) const {
        size_t count = 0;
        for (size_t b = 0; b < space_.bands; ++b) count += !(clear < lower(b, n));
        return count;
    }

    // From the first to the last band of [first, end) that bounds leave open.
    COFACTOR_INLINE void look_where_needed(const Slack& slack, size_t n, size_t own, T clear,
                                           size_t first, size_t end, Best& best) {
        const auto settled = [&](size_t b) { return b != own && clear < lower(b, n); };
        while (first < end && settled(first)) ++first;
        while (first < end && settled(end - 1)) --end;
        if (first < end) look(slack, n, first, end, best);
    }

    // Find the best of the components of bands [first, end), and bound all.
    void look(const Slack& slack, size_t n, size_t first, size_t end, Best& best) {
        const size_t begin = first * space_.width;
        const size_t groups = smaller(end * space_.width, space_.groups) - begin;
        evaluations_ += static_cast<std::int64_t>(groups * group_size);
        for_each_span<T>(groups * group_size, [&](size_t j, size_t count) {
            T losses[span<T> * group_size];
            const size_t component = begin * group_size + j;
            losses_of_groups<span<T>>(count / group_size, entries(X_, n), space_.centers(),
                                      space_.offsets, component, losses);
            for (size_t i = 0; i < count; i += group_size)
                meet((component + i) / group_size, losses + i, best);
        });
        for (size_t b = first; b < end; ++b)
            lower(b, n) = slack.lower(least_of_band(b, space_.groups), space_.norms[n]);
    }

    // Let the better stay; of equals, the lower component.
    COFACTOR_INLINE void meet(size_t group, const T* losses, Best& best) const {
        const T least = group_least_[group] = least_of_group(losses);
        if (least > best.loss) return;
        const Label component = static_cast<Label>(group * group_size + place_of(losses, least));
        if (least == best.loss && best.component >= 0 && component > best.component) return;
        best.loss = least;
        best.component = component;
        __builtin_memcpy(best.losses, losses, sizeof best.losses);
    }

    // The least loss of a band that was looked at, but for a group.
    COFACTOR_INLINE T least_of_band(size_t band, size_t without) const {
        T least = infinity<T>;
        const size_t end = smaller((band + 1) * space_.width, space_.groups);
        for (size_t g = band * space_.width; g < end; ++g)
            if (g != without) least = smaller(least, group_least_[g]);
        return least;
    }

    // The row's own band is bounded by its second best.
    void remember(const Slack& slack, size_t n, Best& best) const {
        const size_t component = static_cast<size_t>(best.component);
        const size_t band = band_of(best.component);
        best.losses[component % group_size] = infinity<T>;
        const T second =
            smaller(least_of_group(best.losses), least_of_band(band, component / group_size));
        lower(band, n) = slack.lower(second, space_.norms[n]);
        space_.upper[n] = slack.upper(best.loss, space_.norms[n]);
        labels_[n] = best.component;
        space_.known[n] = best.component + 1;
    }

    const Csr<T, I> X_;
    Label* const labels_;
    const CsrSpace<T>& space_;
    const size_t longest_;
    const Scratch<T> least_, clear_, group_least_;
    std::int64_t evaluations_ = 0;
};

}  // namespace cofactor::COFACTOR_ISA

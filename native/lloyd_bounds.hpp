// Searches of a range behind bounds that carry over from step to step.
//
// A row knows an upper bound of the distance to its own component and, for every group, a lower
// bound of the distance to any other component of it [Ding et al. 2015, Yinyang k-means]. Bounds
// are kept relative to how far components moved in all, so that a scan writes nothing about rows
// that it leaves alone. Those that bounds leave open are compared with the groups that are left:
// lanes are components. Bounds allow for all rounding, and rows whose best two losses are within it
// are settled by an exact search: labels are those of a full search to the last tie.
#pragma once

#include "lloyd_word_slabs.hpp"

namespace cofactor::COFACTOR_ISA {

// Rows that bounds do not settle, and the best found for each so far.
template <class Number>
struct OpenRows {
    explicit OpenRows(size_t most)
        : row(most), slot(most), size(most), loss(most), runner_up(most) {}

    const Scratch<Label> row, slot;
    const Scratch<Number> size, loss, runner_up;
    size_t count = 0;
};

// Slabs are what rows and groups are compared in.
template <class T, class Slabs>
class BoundedSearch {
public:
    BoundedSearch(const LloydRows<T>& rows, const LloydSpace<T>& space,
                  const typename Slabs::Settling& settler)
        : rows_(rows),
          space_(space),
          slabs_(rows, space, settler),
          most_(slabs_.most),
          open_(most_),
          lists_(most_ * space.groups + 1),
          listed_(space.groups),
          unclear_(space.groups ? space.range_rows : 0),
          clear_(space.groups ? space.range_rows : 0),
          least_(space.groups ? space.range_rows : 0),
          block_(padded_rows * space.group_size),
          doubtful_(most_),
          settled_(most_) {}

    // Count what the bounds of a pilot would leave open under each limit.
    void gauge(size_t range, const Doubt& doubt, float loose, RangeNotes& notes) {
        const Distances distances(doubt);
        enter(range, doubt, loose);
        const size_t count = space_.end(range) - begin_;
        notes.piloted = static_cast<std::int64_t>(count);
        for (size_t i = 0; i < count; ++i)
            clear_[i] = distances.clear_of(tighten(begin_ + i) + loose_,
                                           space_.norms[begin_ + i]);
        for (size_t j = 0; j < n_limits; ++j) count_open(j, count, notes);
    }

    // The rows that their bounds do not settle, counted from the first of the range on.
    struct Unclear {
        const Label* rows;
        size_t count;
    };
    Unclear unclear(size_t range, const Doubt& doubt, float loose) {
        enter(range, doubt, loose);
        const size_t count = select(space_.end(range), Distances(doubt));
        return {unclear_, count};
    }

    // How many distances were computed, and how many rows were in doubt.
    struct Effort {
        std::int64_t evaluations, doubts;
    };

    // Call found(row, component) for every row that may have moved.
    template <class Found>
    Effort run(size_t range, bool known, const Doubt& doubt, float loose, Found found) {
        const Distances distances(doubt);
        enter(range, doubt, loose);
        evaluations_ = doubts_ = 0;
        const size_t count = known ? select(space_.end(range), distances) : all(space_.end(range));
        restart();
        for (size_t i = 0; i < count; ++i) {
            slabs_.announce(begin_ + static_cast<size_t>(unclear_[smaller(i + ahead, count - 1)]));
            open(begin_ + static_cast<size_t>(unclear_[i]), known, distances);
            if (open_.count == most_) close(distances, found);
        }
        close(distances, found);
        return {evaluations_, doubts_};
    }

private:
    using Number = typename Slabs::Number;

    static constexpr size_t ahead = 8;  // rows that are fetched before they are needed
    static constexpr size_t looked_at = 512;  // rows whose bounds are looked at together

    void enter(size_t range, const Doubt& doubt, float loose) {
        slabs_.enter(range, doubt);
        begin_ = space_.begin(range);
        lower_ = space_.lower + range * space_.range_rows * space_.groups;
        loose_ = loose;
    }

    COFACTOR_INLINE float* lower(size_t g, size_t row) const {
        return lower_ + g * space_.range_rows + (row - begin_);
    }
    COFACTOR_INLINE size_t group_of(Label slot) const {
        return static_cast<size_t>(slot) / space_.group_size;
    }

    size_t all(size_t end) const {
        for (size_t i = 0; i < end - begin_; ++i) unclear_[i] = static_cast<Label>(i);
        return end - begin_;
    }

    // List the rows that their bounds do not settle, some rows after the others: what is read of
    // those that come next is asked for.
    size_t select(size_t end, const Distances& distances) const {
        size_t unclear = 0;
        for (size_t n = begin_; n < end; n += looked_at) {
            if (n + looked_at < end) announce(n + looked_at, smaller(end - n - looked_at, looked_at));
            unclear = select(n, smaller(end - n, looked_at), distances, unclear);
        }
        return unclear;
    }

    COFACTOR_INLINE void announce(size_t n, size_t count) const {
        fetch(rows_.labels + n, count * sizeof(Label));
        fetch(space_.upper + n, count * sizeof(float));
        fetch(space_.norms + n, count * sizeof(float));
        for (size_t g = 0; g < space_.groups; ++g) fetch(lower(g, n), count * sizeof(float));
    }

    [[gnu::noinline]] size_t select(size_t n, size_t count, const Distances distances,
                                    size_t unclear) const {
        float* __restrict const clear = clear_;
        float* __restrict const least = least_;
        const float* __restrict const norms = space_.norms + n;
        const float* __restrict const upper = space_.upper + n;
        const Label* __restrict const labels = rows_.labels + n;
        const float loose = loose_;
        for (size_t i = 0; i < count; ++i) clear[i] = upper[i] + space_.moved[labels[i]] + loose;
        for (size_t i = 0; i < count; ++i) {
            clear[i] = distances.clear_of(clear[i], norms[i]);
            least[i] = infinity<float>;
        }
        for (size_t g = 0; g < space_.groups; ++g) {
            const float* __restrict const bound = lower(g, n);
            const float moved = space_.group_moved[g];
            for (size_t i = 0; i < count; ++i) {
                const float now = bound[i] - moved;
                least[i] = now < least[i] ? now : least[i];
            }
        }
        for (size_t i = count; i % lanes<float> != 0; ++i) clear[i] = 0, least[i] = infinity<float>;
        for (size_t i = 0; i < count; i += lanes<float>)
            for_each_bit(bits_of(~(load(clear + i) < load(least + i))), [&](size_t lane) {
                unclear_[unclear++] = static_cast<Label>(n - begin_ + i + lane);
            });
        return unclear;
    }

    [[gnu::noinline]] void count_open(size_t j, size_t count, RangeNotes& notes) const {
        const float* __restrict const clear = clear_;
        float* __restrict const least = least_;
        for (size_t i = 0; i < count; ++i) least[i] = infinity<float>;
        Label pairs = 0, open = 0;
        for (size_t g = 0; g < space_.groups; ++g) {
            const float* __restrict const bound = lower_ + g * space_.range_rows;
            const float moved =
                space_.group_moved[g] + static_cast<float>(space_.loosening[g * n_limits + j]);
            for (size_t i = 0; i < count; ++i) {
                const float slack = bound[i] - moved - clear[i];
                pairs += !(slack > 0);
                least[i] = slack < least[i] ? slack : least[i];
            }
        }
        for (size_t i = 0; i < count; ++i) open += !(least[i] > 0);
        notes.open_under[j] = open;
        notes.pairs_under[j] = pairs;
    }

    void restart() {
        open_.count = 0;
        for (size_t g = 0; g < space_.groups; ++g) listed_[g] = 0;
    }

    // Tighten the upper bound of a row that has a label; it comes to the next place for open rows.
    COFACTOR_INLINE float tighten(size_t n) {
        const size_t q = open_.count;
        const Label own = rows_.labels[n];
        open_.size[q] = slabs_.bring(q, n);
        open_.loss[q] = slabs_.own_loss(q, static_cast<size_t>(own));
        const float upper = slabs_.upper(open_.loss[q], open_.size[q]);
        space_.upper[n] = upper - space_.moved[own];
        return upper;
    }

    // List a row under the groups that its upper bound, tightened, does not settle.
    void open(size_t n, bool known, const Distances& distances) {
        const size_t q = open_.count;
        const Label own = rows_.labels[n];
        float clear = infinity<float>;
        if (own < 0) {  // at first
            open_.size[q] = slabs_.bring(q, n);
            open_.loss[q] = Slabs::none;
        } else {
            const float upper = tighten(n);
            clear = known ? distances.clear_of(upper + loose_, space_.norms[n]) : clear;
        }
        if (!list(q, n, clear)) return;
        open_.row[q] = static_cast<Label>(n);
        open_.slot[q] = own >= 0 ? space_.places[own] : -1;
        open_.runner_up[q] = Slabs::none;
        ++open_.count;
    }

    COFACTOR_INLINE bool list(size_t q, size_t n, float clear) {
        bool some = false;
        for (size_t g = 0; g < space_.groups; ++g) {
            const bool open = !(clear < *lower(g, n) - space_.group_moved[g]);
            lists_[g * most_ + listed_[g]] = static_cast<Label>(q);
            listed_[g] += open;
            some |= open;
        }
        return some;
    }

    template <class Found>
    void close(const Distances& distances, Found found) {
        for (size_t g = 0; g < space_.groups; ++g)
            for (size_t first = 0; first < listed_[g]; first += slab_rows)
                compare(g, lists_ + g * most_ + first, smaller(slab_rows, listed_[g] - first));
        settle(distances, found);
        restart();
    }

    // Some open rows and the components of a group.
    void compare(size_t g, const Label* list, size_t count) {
        const size_t size = space_.group_size;
        slabs_.multiply(g, list, count, block_);
        evaluations_ += static_cast<std::int64_t>(count * size);
        Number least[padded_rows], own[padded_rows] = {};
        float bound[padded_rows];
        for (size_t r = 0; r < count; ++r) {
            const Label slot = open_.slot[list[r]];
            const size_t place = static_cast<size_t>(slot) - g * size;
            if (place < size) block_[r * size + place] = Slabs::none;
            own[r] = open_.size[list[r]];
        }
        for (size_t r = 0; r < padded_rows; r += 4)
            least_of_four<Number>(block_ + r * size, size, least + r);
        for (size_t r = 0; r < padded_rows; ++r) bound[r] = slabs_.lower(least[r], own[r]);
        for (size_t r = 0; r < count; ++r) {
            const size_t q = static_cast<size_t>(list[r]);
            if (least[r] < open_.loss[q]) {
                improve(q, g, block_ + r * size, least[r]);
                continue;
            }
            *lower(g, static_cast<size_t>(open_.row[q])) = bound[r] + space_.group_moved[g];
            open_.runner_up[q] = smaller(open_.runner_up[q], least[r]);
        }
    }

    // Let the best of a group take the place of a row's best so far.
    void improve(size_t q, size_t g, const Number* losses, Number least) {
        const size_t row = static_cast<size_t>(open_.row[q]);
        const Number dethroned = open_.loss[q];
        size_t best = 0;
        while (losses[best] != least) ++best;
        Number second = Slabs::none;
        for (size_t j = 0; j < space_.group_size; ++j)
            second = j != best && losses[j] < second ? losses[j] : second;
        if (open_.slot[q] >= 0 && group_of(open_.slot[q]) == g) second = smaller(second, dethroned);
        *lower(g, row) = slabs_.lower(second, open_.size[q]) + space_.group_moved[g];
        dethrone(q);
        open_.runner_up[q] = smaller(smaller(open_.runner_up[q], dethroned), second);
        open_.loss[q] = least;
        open_.slot[q] = static_cast<Label>(g * space_.group_size + best);
    }

    // A row's best so far is one of the others of its group now.
    void dethrone(size_t q) {
        if (open_.slot[q] < 0) return;
        const size_t g = group_of(open_.slot[q]);
        float* const bound = lower(g, static_cast<size_t>(open_.row[q]));
        *bound = smaller(*bound, slabs_.lower(open_.loss[q], open_.size[q]) +
                                     space_.group_moved[g]);
    }

    template <class Found>
    void settle(const Distances& distances, Found found) {
        size_t doubts = 0;
        for (size_t q = 0; q < open_.count; ++q) {
            if (slabs_.sure(open_.loss[q], open_.runner_up[q], open_.size[q]))
                conclude(q, space_.members[open_.slot[q]],
                         slabs_.upper(open_.loss[q], open_.size[q]), found);
            else
                doubtful_[doubts++] = static_cast<Label>(q);
        }
        if (doubts > 0) search_again(doubts, distances, found);
        doubts_ += static_cast<std::int64_t>(doubts);
    }

    template <class Found>
    void search_again(size_t doubts, const Distances& distances, Found found) {
        Label* const rows = lists_;  // the lists are done with
        for (size_t i = 0; i < doubts; ++i) rows[i] = open_.row[doubtful_[i]];
        slabs_.settle(rows, doubts, static_cast<Candidate<T>*>(settled_));
        const double square = space_.progress->scale * space_.progress->scale;
        for (size_t i = 0; i < doubts; ++i) {
            const size_t q = static_cast<size_t>(doubtful_[i]);
            const Candidate<T> best = settled_[i];
            const float loss = static_cast<float>(static_cast<double>(best.loss) * square);
            if (space_.places[best.component] != open_.slot[q]) dethrone(q);
            conclude(q, best.component, distances.upper(loss, space_.norms[rows[i]]), found);
        }
    }

    template <class Found>
    void conclude(size_t q, Label label, float upper, Found found) {
        const size_t n = static_cast<size_t>(open_.row[q]);
        space_.upper[n] = upper - space_.moved[label];
        found(n, label);
    }

    const LloydRows<T> rows_;
    const LloydSpace<T>& space_;
    Slabs slabs_;
    const size_t most_;
    OpenRows<Number> open_;
    const Scratch<Label> lists_;
    const Scratch<size_t> listed_;
    const Scratch<Label> unclear_;
    const Scratch<float> clear_, least_;
    const Scratch<Number> block_;
    const Scratch<Label> doubtful_;
    const Scratch<Candidate<T>> settled_;
    size_t begin_ = 0;
    float* lower_ = nullptr;
    float loose_ = 0;
    std::int64_t evaluations_ = 0, doubts_ = 0;
};

}  // namespace cofactor::COFACTOR_ISA

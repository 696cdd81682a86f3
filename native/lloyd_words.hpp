// Searches of all components for the rows of a range, in whole numbers of 16 bits.
//
// Rows and components are scaled until the longest is just below 2^15, and rounded. Products of
// whole numbers are exact, and take half the time of those of floats. By the triangle inequality,
// rounding moves the distance of a row and a component by |x - q_x| + |e - q_e| at most. A row
// whose best two components are farther apart than that has found its label; others are searched
// again. So labels are those of an exact search, and the bounds of all groups come for nothing.
//
// Where components are few, all of them are sooner searched than a row is opened: then rows that
// bounds do not settle are searched so, too, gathered from their range.
#pragma once

#include "lloyd_bounds.hpp"
#include "lloyd_rows.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
class WordSearch {
public:
    WordSearch(const LloydSpace<T>& space, const WordSettler<T>& settler)
        : space_(space),
          settler_(settler),
          words_(space),
          pairs_(space.pairs),
          panel_size_(tile_rows<float> * pairs_),
          panels_(space.groups ? panels_at_once() : 0),
          groups_(larger<size_t>(1, components_budget / (larger<size_t>(1, space.group_size) *
                                                         pairs_ * sizeof(float)))),
          packed_(panels_ * panel_size_),
          known_(panels_),
          doubtful_(panels_ * tile_rows<float>),
          settled_(panels_ * tile_rows<float>) {}

    // Call found(row, component) for every row, and bound all; return how many were in doubt.
    template <class Found>
    size_t run(size_t range, const Doubt& doubt, Found found) {
        const size_t begin = space_.begin(range);
        return run(range, Following{begin}, space_.end(range) - begin, doubt, found);
    }

    // The same for rows of a range, rows(0) and so on.
    template <class Rows, class Found>
    size_t run(size_t range, Rows rows, size_t count, const Doubt& doubt, Found found) {
        lower_ = space_.lower + range * space_.range_rows * space_.groups;
        lower_ -= space_.begin(range);  // rows are counted from the first of all
        grain_ = static_cast<float>(space_.progress->grain);
        const size_t step = panels_ * tile_rows<float>;
        size_t doubts = 0;
        for (size_t i = 0; i < count; i += step) {
            const size_t end = smaller(count, i + step);
            search(range, rows, i, end);
            doubts += report(range, rows, i, end, doubt, found);
        }
        return doubts;
    }

private:
    size_t panels_at_once() const {
        return smaller(larger<size_t>(1, panels_budget / (panel_size_ * sizeof(float))),
                       (space_.range_rows + tile_rows<float> - 1) / tile_rows<float>);
    }

    COFACTOR_INLINE float* lower(size_t g) const { return lower_ + g * space_.range_rows; }

    // A block of panels stays in the cache while blocks of groups pass by.
    template <class Rows>
    void search(size_t range, Rows rows, size_t begin, size_t end) {
        rows.announce(space_, begin, smaller(end, begin + tile_rows<float>));
        for (size_t i = begin, p = 0; i < end; i += tile_rows<float>, ++p) {
            const size_t next = i + tile_rows<float>;
            rows.announce(space_, next, smaller(end, next + tile_rows<float>));
            words_.pack(range, rows, i, end, packed_ + p * panel_size_, known_[p]);
        }
        for (size_t g = 0; g < space_.groups; g += groups_)
            for (size_t i = begin, p = 0; i < end; i += tile_rows<float>, ++p)
                scan(g, smaller(g + groups_, space_.groups), rows, i, end, p);
    }

    template <class Rows>
    void scan(size_t first, size_t last, Rows rows, size_t i, size_t end, size_t p) {
        WordPanel& known = known_[p];
        for (size_t g = first; g < last; ++g) {
            WordTwo group;
            group.start();
            for (size_t slot = g * space_.group_size; slot < space_.end_of_group(g);
                 slot += tile_components)
                offer(packed_ + p * panel_size_, slot, group);
            known.meet(group);
            for (size_t v = 0; v < tile_vectors; ++v)
                rows.put(lower(g), i + v * lanes<float>, end,
                         known.lower(v, group.loss[v]) * grain_ + space_.group_moved[g]);
        }
    }

    COFACTOR_INLINE void offer(const std::int32_t* panel, size_t slot, WordTwo& group) const {
        WordTile<tile_components> tile;
        word_losses<tile_components>(panel, space_.words.tiles + slot * pairs_, 1, tile_components,
                                     space_.word_offsets + slot, pairs_, tile);
        const auto slot_of = [=](size_t r) { return static_cast<Label>(slot + r); };
        group.offer<tile_components>(slot_of, tile);
    }

    template <class Rows, class Found>
    size_t report(size_t range, Rows rows, size_t begin, size_t end, const Doubt& doubt,
                  Found found) {
        size_t doubts = 0, p = 0;
        for (size_t i = begin; i < end; i += tile_rows<float>, ++p)
            for (size_t v = 0; v < tile_vectors && i + v * lanes<float> < end; ++v)
                doubts = report(rows, i + v * lanes<float>, end, known_[p], v, doubt, doubts, found);
        settle(range, doubts, doubt, found);
        return doubts;
    }

    // Conclude as many rows as a vector holds, or put them off; return the number of doubts.
    template <class Rows, class Found>
    size_t report(Rows rows, size_t begin, size_t end, const WordPanel& known, size_t v,
                  const Doubt& doubt, size_t doubts, Found found) {
        const WordTwo& best = known.best;
        const Vec<float> beside = known.lower(v, known.beside[v]) * grain_;
        const Vec<float> upper = known.upper(v, best.loss[v]) * grain_;
        const Vec<float> gap = __builtin_convertvector(best.second[v] - best.loss[v], Vec<float>);
        const Vec<float> limit = doubt(known.norm(v) * grain_) * (1 / (grain_ * grain_));
        const Int<float> sure = gap * (1 - 8 * unit) > known.doubt(v) + limit;
        for (size_t i = 0; begin + i < end && i < lanes<float>; ++i) {
            const size_t row = rows(begin + i), slot = static_cast<size_t>(best.slot[v][i]);
            const size_t g = slot / space_.group_size;
            if (!sure[i]) {
                doubtful_[doubts++] = static_cast<Label>(row);
                continue;
            }
            lower(g)[row] = beside[i] + space_.group_moved[g];
            conclude(row, space_.members[slot], upper[i], found);
        }
        return doubts;
    }

    // Rows in doubt keep the bounds of all groups: these hold for any component.
    template <class Found>
    void settle(size_t range, size_t doubts, const Doubt& doubt, Found found) {
        const Distances distances(doubt);
        settler_.settle(range, doubt, doubtful_, doubts, settled_);
        const double square = space_.progress->scale * space_.progress->scale;
        for (size_t i = 0; i < doubts; ++i) {
            const size_t row = static_cast<size_t>(doubtful_[i]);
            const Candidate<T> best = settled_[i];
            const float loss = static_cast<float>(static_cast<double>(best.loss) * square);
            conclude(row, best.component, distances.upper(loss, space_.norms[row]), found);
        }
    }

    template <class Found>
    COFACTOR_INLINE void conclude(size_t row, Label label, float upper, Found found) const {
        space_.upper[row] = upper - space_.moved[label];
        found(row, label);
    }

    const LloydSpace<T>& space_;
    const WordSettler<T>& settler_;
    const WordRows<T> words_;
    const size_t pairs_, panel_size_, panels_, groups_;
    const Scratch<std::int32_t> packed_;
    const Scratch<WordPanel> known_;
    const Scratch<Label> doubtful_;
    const Scratch<Candidate<T>> settled_;
    float* lower_ = nullptr;
    float grain_ = 1;
};

}  // namespace cofactor::COFACTOR_ISA

// Bounds of groups of which a few components moved far.
//
// Bounds loosen by as much as any component of a group moved. Where one of them moved far and the
// others hardly, it is cheaper to find out how far it is from every row now, in whole numbers, and
// to loosen the bound by the others' moves [cf. Kaukoranta, Franti & Nevalainen 2000].
#pragma once

#include "lloyd_words.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
class StrideSearch {
public:
    StrideSearch(const LloydRows<T>& rows, const LloydSpace<T>& space)
        : rows_(rows), space_(space), words_(space), panel_(tile_rows<float> * space.pairs) {}

    // Let the bounds of a range account for the components that moved far; return their number.
    std::int64_t run(size_t range) {
        const size_t begin = space_.begin(range), end = space_.end(range);
        const float grain = static_cast<float>(space_.progress->grain);
        for (size_t row = begin; row < end; row += tile_rows<float>) {
            words_.pack(range, Following{row}, 0, end - row, panel_, known_);
            place(row, end);
            float* const lower =
                space_.lower + range * space_.range_rows * space_.groups + (row - begin);
            for (size_t i = 0; i < static_cast<size_t>(space_.progress->far_groups); ++i)
                bound(i, grain, lower);
        }
        return space_.far_ends[space_.progress->far_groups - 1];
    }

private:
    // The slots that the rows of a panel belong to.
    void place(size_t row, size_t end) {
        for (size_t i = 0; i < tile_rows<float>; ++i)
            own_[i / lanes<float>][i % lanes<float>] =
                space_.places[rows_.labels[smaller(row + i, end - 1)]];
    }

    void bound(size_t i, float grain, float* lower) {
        WordTwo group;
        group.start();
        const size_t end = static_cast<size_t>(space_.far_ends[i]);
        for (size_t at = i ? static_cast<size_t>(space_.far_ends[i - 1]) : 0; at < end;)
            at += offer(at, end - at, group);
        const size_t g = static_cast<size_t>(space_.far_groups[i]);
        for (size_t v = 0; v < tile_vectors; ++v) {
            float* const bound = lower + g * space_.range_rows + v * lanes<float>;
            const Int<float> loss = group.slot[v] == own_[v] ? group.second[v] : group.loss[v];
            const Vec<float> now = known_.lower(v, loss) * grain + space_.group_moved[g];
            const Vec<float> before = load(bound);
            store<float>(bound, now < before ? now : before);
        }
    }

    // Offer a tile of up to as many components; return their number.
    size_t offer(size_t at, size_t size, WordTwo& group) const {
        switch (size) {
            case 1: return offer<1>(at, group);
            case 2: return offer<2>(at, group);
            case 3: return offer<3>(at, group);
            case 4: return offer<4>(at, group);
            case 5: return offer<5>(at, group);
            default: return offer<tile_components>(at, group);
        }
    }

    template <size_t size>
    size_t offer(size_t at, WordTwo& group) const {
        WordTile<size> tile;
        word_losses<size>(panel_, space_.words.far + at * space_.pairs, space_.pairs, 1,
                          space_.far_offsets + at, space_.pairs, tile);
        group.offer<size>([=](size_t r) { return space_.far_slots[at + r]; }, tile);
        return size;
    }

    const LloydRows<T> rows_;
    const LloydSpace<T>& space_;
    WordRows<T> words_;
    const Scratch<std::int32_t> panel_;
    WordPanel known_;
    Int<float> own_[tile_vectors];
};

}  // namespace cofactor::COFACTOR_ISA

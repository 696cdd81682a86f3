// The best other component of every row among those that its group of rows is compared with.
#pragma once

#include "neighbor_pairs.hpp"
#include "neighbor_words.hpp"

namespace cofactor::COFACTOR_ISA {

// The components that a group is compared with, each once.
class Shortlist {
public:
    explicit Shortlist(const NeighborCenters& centers)
        : centers_(centers),
          seen_(centers.vectors.rows),
          places_(room(centers)),
          vectors_(room(centers)),
          half_norms_(room(centers)),
          shares_(room(centers)) {
        for (size_t p = 0; p < centers.vectors.rows; ++p) seen_[p] = 0;
    }

    void clear() { count_ = 0, ++round_; }

    void add(const Label* places, size_t count) {
        for (size_t i = 0; i < count; ++i) {
            if (places[i] < 0 || seen_[places[i]] == round_) continue;
            seen_[places[i]] = round_;
            put(count_++, places[i], centers_.half_norms[places[i]]);
        }
    }

    // Make as many more readable as a tile may read.
    void pad() {
        for (size_t i = 0; i < pointed_step; ++i) put(count_ + i, 0, infinity<float>);
    }

    // Offer those from begin to end to a panel; not inlined, to have all registers for products.
    template <size_t width>
    [[gnu::noinline]] void offer(const float* packed, size_t begin, size_t end, size_t d,
                                 TargetPanel& panel) const {
        for (size_t i = begin; i < end; i += pointed_components<width>) {
            Vec<float> product[pointed_components<width>][width];
            pointed_products(packed, vectors_ + i, d, product);
            const float* const half_norms = half_norms_ + i;
            panel.offer<width, pointed_components<width>>(
                [&](size_t r, size_t v) {
                    return panel.half_norm[v] + (half_norms[r] - product[r][v]);
                },
                shares_ + i, places_ + i);
        }
    }

    size_t size() const { return count_; }

private:
    static size_t room(const NeighborCenters& centers) {
        return centers.vectors.rows + pointed_step;
    }

    void put(size_t i, Label place, float half_norm) {
        const size_t p = static_cast<size_t>(place);
        places_[i] = place;
        vectors_[i] = centers_.vectors.data + p * centers_.vectors.columns;
        half_norms_[i] = half_norm;
        shares_[i] = centers_.shares[p];
    }

    const NeighborCenters& centers_;
    const Scratch<std::int32_t> seen_;
    const Scratch<Label> places_;
    const Scratch<const float*> vectors_;
    const Scratch<float> half_norms_, shares_;
    std::int32_t round_ = 0;
    size_t count_ = 0;
};

template <class T>
class TargetSearch {
public:
    TargetSearch(Matrix<const T> X, const T* shift, double scale, const NeighborRows& rows,
                 const NeighborCenters& centers, const NeighborGroups& groups,
                 const NeighborFinds& finds)
        : d_(X.columns),
          panel_size_(tile_rows<float> * round_up(X.columns, 2)),
          narrow_(narrow_rows(X, shift, scale)),
          rows_(rows),
          groups_(groups),
          finds_(finds),
          listed_(static_cast<size_t>(rows.starts[groups.edges[groups.count]])),
          leaver_{rows, centers, 1 / (scale * scale)},
          shortlist_(centers),
          words_(centers, groups.lists.data, groups.lists.rows == 1 ? groups.lists.columns : 0,
                 X.columns),
          pairs_(centers),
          packed_(panels_at_once * panel_size_),
          packed_words_(panels_at_once * words_.panel_size()),
          panels_(panels_at_once),
          row_(2 * centers.vectors.columns) {
        for (size_t i = 0; i < panels_at_once * panel_size_; ++i) packed_[i] = 0;
    }

    void search(size_t group) {
        const std::int64_t first = rows_.starts[groups_.edges[group]];
        const std::int64_t last = rows_.starts[groups_.edges[group + 1]];
        if (first == last) return;
        const bool alone = groups_.edges[group + 1] == groups_.edges[group] + 1;
        const size_t met = alone && last - first < few
                               ? pair(list_of(groups_.edges[group]), first, last)
                               : scan(group, first, last);
        __atomic_add_fetch(finds_.evaluations,
                           (last - first) * static_cast<std::int64_t>(met + 1), __ATOMIC_RELAXED);
    }

private:
    static constexpr std::int64_t few = 12;  // rows that a panel does not pay for
    static constexpr size_t panels_at_once = 32;
    static constexpr size_t centers_budget = 64 * 1024;  // bytes, for one panel after the other

    const Label* list_of(std::int64_t unit) const {
        const Matrix<const Label>& lists = groups_.lists;
        return lists.data + (lists.rows == 1 ? 0 : static_cast<size_t>(unit)) * lists.columns;
    }

    // A few rows two by two; return with how many components each.
    [[gnu::noinline]] size_t pair(const Label* list, std::int64_t first, std::int64_t last) {
        std::int64_t row = first;
        for (; row + 2 <= last; row += 2) pair<2>(list, static_cast<size_t>(row));
        if (row < last) pair<1>(list, static_cast<size_t>(row));
        size_t met = 0;
        for (size_t i = 0; i < groups_.lists.columns; ++i) met += list[i] >= 0;
        return met;
    }

    template <size_t size>
    COFACTOR_INLINE void pair(const Label* list, size_t row) {
        const size_t padded = leaver_.centers.vectors.columns;
        fetch_rows(row + static_cast<size_t>(few), size);
        PairBest best[size];
        for (size_t r = 0; r < size; ++r) start(number(row + r), row_ + r * padded, best[r]);
        pairs_.search(row_, list, groups_.lists.columns, best);
        for (size_t r = 0; r < size; ++r) {
            const size_t lane = best[r].lane();
            leaver_.write(number(row + r), row_ + r * padded, best[r].place(lane),
                          best[r].cost(lane), finds_);
        }
    }

    COFACTOR_INLINE void start(size_t n, float* x, PairBest& best) const {
        const size_t padded = leaver_.centers.vectors.columns;
        narrow_row(narrow_, n, x, padded);
        const Label label = rows_.labels[n];
        best.start(static_cast<float>(0.5 * squared_norm(x, padded)),
                   static_cast<float>(rows_.weights[n]),
                   label < 0 ? -1 : leaver_.centers.places[label]);
    }

    // Panel after panel; return with how many components each.
    size_t scan(size_t group, std::int64_t first, std::int64_t last) {
        list(group);
        const std::int64_t step = panels_at_once * lanes<float>;
        for (std::int64_t row = first; row < last; row += step)
            scan_panels(static_cast<size_t>(row), static_cast<size_t>(smaller(row + step, last)));
        return shortlist_.size();
    }

    // The lists of the units that have rows; a single list is everybody's.
    void list(size_t group) {
        shortlist_.clear();
        const Matrix<const Label>& lists = groups_.lists;
        const std::int64_t begin = groups_.edges[group], end = groups_.edges[group + 1];
        for (std::int64_t u = begin; u < end; ++u)
            if (rows_.starts[u + 1] > rows_.starts[u]) shortlist_.add(list_of(u), lists.columns);
        shortlist_.pad();
    }

    // Any number of rows up to panels_at_once vectors.
    void scan_panels(size_t row, size_t end) {
        size_t panels = 0;
        for (; row < end; row += panels_[panels++].count) {
            const bool many = 2 * (end - row) > tile_rows<float>;
            many ? pack<tile_vectors>(row, end, panels) : pack<1>(row, end, panels);
        }
        const size_t block =
            larger<size_t>(1, centers_budget / (pointed_step * tile_components * d_ *
                                                sizeof(float))) *
            pointed_step * tile_components;
        for (size_t begin = 0; begin < words_.size(); begin += block)
            for (size_t p = 0; p < panels; ++p)
                if (panels_[p].in_words)
                    words_.offer(packed_words_ + p * words_.panel_size(), begin,
                                 smaller(begin + block, words_.size()), panels_[p]);
        for (size_t p = 0; p < panels; ++p) settle(panels_[p]);
        for (size_t begin = 0; begin < shortlist_.size(); begin += block)
            for (size_t p = 0; p < panels; ++p)
                if (!panels_[p].in_words)
                    offer(begin, smaller(begin + block, shortlist_.size()), p);
        for (size_t p = 0; p < panels; ++p) finish(panels_[p]);
    }

    // Where rounding matters, search again.
    void settle(TargetPanel& panel) const {
        if (!panel.in_words || !words_.in_doubt(panel)) return;
        panel.in_words = false;
        panel.start();
    }

    void offer(size_t begin, size_t end, size_t p) {
        const float* const packed = packed_ + p * panel_size_;
        if (panels_[p].vectors == 1)
            shortlist_.offer<1>(packed, begin, end, d_, panels_[p]);
        else
            shortlist_.offer<tile_vectors>(packed, begin, end, d_, panels_[p]);
    }

    COFACTOR_INLINE size_t number(size_t row) const {
        return static_cast<size_t>(rows_.order[row]);
    }

    template <size_t width>
    void pack(size_t row, size_t end, size_t p) {
        constexpr size_t size = width * lanes<float>;
        TargetPanel& panel = panels_[p];
        float* const packed = packed_ + p * panel_size_;
        panel.first = row;
        panel.count = smaller(size, end - row);
        panel.vectors = width;
        for (size_t i = 0; i < size; i += rows_together<float>) {
            decltype(narrow_.X.data) some[rows_together<float>];
            for (size_t j = 0; j < rows_together<float>; ++j)
                some[j] = entries(row + smaller(i + j, panel.count - 1));
            transpose(narrow_.entries(some), d_, packed + i, size);
        }
        fetch_rows(row + panel.count, size);
        start<width>(packed, panel);
        panel.in_words = width == tile_vectors && words_.usable() &&
                         words_.round(packed, packed_words_ + p * words_.panel_size(), panel);
    }

    // Ask for rows that come next, whichever group they belong to.
    COFACTOR_INLINE void fetch_rows(size_t row, size_t count) const {
        for (size_t i = row; i < smaller(row + count, listed_); ++i) {
            const size_t n = number(i);
            fetch(entries(i), d_ * sizeof(*narrow_.X.data));
            __builtin_prefetch(rows_.labels + n);
            __builtin_prefetch(rows_.weights + n);
            __builtin_prefetch(finds_.index + n, 1);
            __builtin_prefetch(finds_.gains + n, 1);
        }
    }

    COFACTOR_INLINE auto entries(size_t row) const { return narrow_.X.data + number(row) * d_; }

    template <size_t width>
    void start(const float* packed, TargetPanel& panel) {
        for (size_t i = 0; i < width * lanes<float>; ++i) {
            const size_t n = number(panel.first + smaller(i, panel.count - 1));
            const Label label = rows_.labels[n];
            const size_t v = i / lanes<float>, lane = i % lanes<float>;
            panel.weight[v][lane] = static_cast<float>(rows_.weights[n]);
            panel.own[v][lane] = label < 0 ? -1 : leaver_.centers.places[label];
        }
        for (size_t v = 0; v < width; ++v) {
            Vec<float> squares{};
            for (size_t l = 0; l < d_; ++l) {
                const Vec<float> x = load(packed + (l * width + v) * lanes<float>);
                squares += x * x;
            }
            panel.half_norm[v] = 0.5f * squares;
        }
        panel.start();
    }

    void finish(const TargetPanel& panel) {
        for (size_t i = 0; i < panel.count; ++i) {
            const size_t n = number(panel.first + i);
            narrow_row(narrow_, n, row_, leaver_.centers.vectors.columns);
            const std::int64_t place = panel.place(i);
            const double cost =
                panel.in_words && place >= 0 ? leaver_.cost(n, row_, place) : panel.cost(i);
            leaver_.write(n, row_, place, cost, finds_);
        }
    }

    const size_t d_, panel_size_;
    const NarrowRowsOf<T> narrow_;
    const NeighborRows& rows_;
    const NeighborGroups& groups_;
    const NeighborFinds& finds_;
    const size_t listed_;  // rows
    const Leaver leaver_;
    Shortlist shortlist_;
    const WordShortlist words_;
    const PairSearch pairs_;
    const Scratch<float> packed_;
    const Scratch<std::int32_t> packed_words_;
    const Scratch<TargetPanel> panels_;
    const Scratch<float> row_;
};

template <class T>
void neighbor_targets(std::int64_t* board, Matrix<const T> X, const T* shift, double scale,
                      NeighborRows rows, NeighborCenters centers, NeighborGroups groups,
                      NeighborFinds finds) {
    constexpr size_t most_pieces = 256;
    TargetSearch<T> search(X, shift, scale, rows, centers, groups, finds);
    share(board, groups.count, size_of_pieces(groups.count, most_pieces),
          [&](size_t group) { search.search(group); });
}

}  // namespace cofactor::COFACTOR_ISA

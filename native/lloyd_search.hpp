// Full searches of the rows of a range.
#pragma once

#include "lloyd_space.hpp"

namespace cofactor::COFACTOR_ISA {

// Searches all components for all rows of a range.
template <class T>
class FullSearch {
public:
    FullSearch(Matrix<const T> X, const T* shift, const LloydSpace<T>& space)
        : space_(space), search_(X, shift, {space.rounded(), space.exact()}, space.range_rows) {}

    // Call found(row, component) for every row.
    template <class Found>
    void run(size_t begin, size_t end, const Doubt& doubt, Found found) {
        const auto norms = [this](size_t row, const float*, size_t v) {
            return load(space_.norms + row + v * lanes<float>);
        };
        const auto each = [=](size_t row, size_t count, const Int<float>* component) {
            for (size_t i = 0; i < count; ++i)
                found(row + i, component[i / lanes<float>][i % lanes<float>]);
        };
        const PackedRows<float> packed{space_.panels, space_.d};
        if (space_.panels)
            search_.run(packed, begin, end, doubt, norms, each);
        else
            search_.run(begin, end, space_.progress->scale, doubt, norms, each);
    }

    // Keep the rows of a range as they will be searched, if there is room.
    void prepare(size_t begin, size_t end) const {
        if (space_.panels) search_.pack(begin, end, space_.progress->scale, space_.panels);
    }

private:
    const LloydSpace<T>& space_;
    NearestSearch<T> search_;
};

}  // namespace cofactor::COFACTOR_ISA

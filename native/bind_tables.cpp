// Functions of small whole numbers, looked up in a table: constants of counts.
//
// Nothing here is worth another instruction set: to fetch an entry takes longer than to convert
// its number.
#include "bindings.hpp"

namespace cofactor {
namespace {

template <class T>
struct Numbers;
template <>
struct Numbers<float> {
    typedef float Vec __attribute__((vector_size(16)));
    typedef std::int32_t Mask __attribute__((vector_size(16)));
    static constexpr float shift = 8388608.0f;  // 2^23: added and taken off again, it rounds
};
template <>
struct Numbers<double> {
    typedef double Vec __attribute__((vector_size(16)));
    typedef std::int64_t Mask __attribute__((vector_size(16)));
    static constexpr double shift = 4503599627370496.0;  // 2^52
};

// The largest number if all are whole, from 0 to limit; else -1. By bits, as compilers make branches
// of comparisons: those of a whole number do not change where it is rounded, and zero times a
// number has none, but for negative numbers, infinities and NaN.
template <class T>
std::int64_t largest_whole(const T* values, size_t count, std::int32_t limit) {
    using Vec = typename Numbers<T>::Vec;
    using Mask = typename Numbers<T>::Mask;
    constexpr size_t width = sizeof(Vec) / sizeof(T);
    constexpr T shift = Numbers<T>::shift;
    Vec largest{};
    Mask strange{};
    const auto look = [&](Vec value) {
        const Vec rounded = (value + shift) - shift, nothing = value * T(0);
        strange |= ((Mask)rounded ^ (Mask)value) | (Mask)nothing;
        largest = value > largest ? value : largest;
    };
    Vec value{};
    size_t i = 0;
    for (; i + width <= count; i += width) {
        __builtin_memcpy(&value, values + i, sizeof value);
        look(value);
    }
    for (; i < count; ++i) look(Vec{} + values[i]);
    T best = 0;
    for (size_t u = 0; u < width; ++u) {
        if (strange[u]) return -1;
        best = largest[u] > best ? largest[u] : best;
    }
    return best <= static_cast<T>(limit) ? static_cast<std::int64_t>(best) : -1;
}

template <class T>
double table_sum(const T* values, size_t count, const double* table) {
    double sums[4] = {};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t u = 0; u < 4; ++u) sums[u] += table[static_cast<std::int32_t>(values[i + u])];
    for (; i < count; ++i) sums[0] += table[static_cast<std::int32_t>(values[i])];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

template <class T>
void bind_values(nb::module_& module) {
    module.def(
        "largest_whole",
        [](const Array1<const T>& values, std::int32_t limit) {
            return largest_whole(values.data(), values.shape(0), limit);
        },
        named("values"), nb::arg("limit"), Unlocked());
}

template <class T, class I>
void bind_sums(nb::module_& module) {
    module.def(
        "table_sums",
        [](const Array1<const I>& indptr, const Array1<const T>& values,
           const Array1<const double>& table, const Array1<double>& out) {
            expect("indptr", indptr, {out.shape(0) + 1});
            expect("values", values, {static_cast<size_t>(indptr.data()[out.shape(0)])});
            for (size_t n = 0; n < out.shape(0); ++n) {
                const auto begin = static_cast<size_t>(indptr.data()[n]);
                const auto end = static_cast<size_t>(indptr.data()[n + 1]);
                out.data()[n] = table_sum(values.data() + begin, end - begin, table.data());
            }
        },
        named("indptr"), named("values"), named("table"), named("out"), Unlocked());
}

}  // namespace

void bind_tables(nb::module_& module) {
    bind_values<float>(module);
    bind_values<double>(module);
    bind_sums<float, std::int32_t>(module);
    bind_sums<float, std::int64_t>(module);
    bind_sums<double, std::int32_t>(module);
    bind_sums<double, std::int64_t>(module);
}

}  // namespace cofactor

// Counts the words of standard input and prints the most frequent ones. Texts, table and result
// live in an arena; nothing is freed one by one.
//
//     words 10 < README.md
#include <algorithm>
#include <allot/allot.hpp>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace
{

using counts = std::unordered_map<std::string_view, unsigned, std::hash<std::string_view>,
                                  std::equal_to<std::string_view>,
                                  allot::allocator<std::pair<const std::string_view, unsigned>>>;
using entry = std::pair<std::string_view, unsigned>;

constexpr std::string_view blanks = " \t\r\n.,;:!?()[]\"'`";

// The table points to words in the arena, so that the line may be read over.
void count_line(allot::arena &arena, counts &table, std::string_view line)
{
    allot_span rest = allot::span_of(line), word;

    while (allot_span_word(&rest, allot::span_of(blanks), &word)) {
        auto found = table.find(allot::view(word));
        if (found != table.end()) {
            found->second++;
            continue;
        }
        const char *copy = arena.copy(allot::view(word));
        if (copy == nullptr)
            throw std::bad_alloc();
        table.emplace(std::string_view(copy, word.bytes), 1);
    }
}

std::vector<entry, allot::allocator<entry>> most_frequent(allot::arena &arena, const counts &table,
                                                          std::size_t most)
{
    std::vector<entry, allot::allocator<entry>> all(table.begin(), table.end(), arena.allocator());

    std::sort(all.begin(), all.end(), [](const entry &a, const entry &b) {
        return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    if (all.size() > most)
        all.resize(most);
    return all;
}

} // namespace

int main(int argc, char **argv)
try {
    std::uint64_t most = 10;
    if (argc > 1 && allot_span_u64(allot_span_of(argv[1]), 10, &most) != 0) {
        std::fprintf(stderr, "words: not a number: %s\n", argv[1]);
        return 2;
    }
    allot::arena arena;
    if (!arena)
        throw std::bad_alloc();
    counts table(arena.allocator());
    char *line = nullptr;
    std::size_t room = 0;
    allot::defer free_line([&] { std::free(line); });
    for (ssize_t n; (n = getline(&line, &room, stdin)) >= 0;)
        count_line(arena, table, std::string_view(line, static_cast<std::size_t>(n)));
    for (const auto &[word, count] : most_frequent(arena, table, most))
        std::printf("%u %.*s\n", count, static_cast<int>(word.size()), word.data());
} catch (const std::bad_alloc &) {
    std::fputs("words: out of memory\n", stderr);
    return 1;
}

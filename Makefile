# Front of the CMake build.
#
#   make                build into build/
#   make demo           three real programs on glibc and on Allot, and a caught bug
#   make test           every test; installs what is missing (Debian)
#   make bench          benchmarks against the other allocators; BENCH_ARGS="--only ..."
#   make install        PREFIX=/usr/local DESTDIR=
#   make clean | format | tidy | lint
#   make preset-NAME    build with a preset of CMakePresets.json into build-NAME/
#   make test-NAME      the tests of that build
#   make coverage       what of src/ the unit tests reach, by file; fails unless it is all of
#                       the decorators (Debian package gcovr)

PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)
TEST_PRESETS ?= release clang asan-ubsan tsan fuzz musl aarch64
BENCH_ARGS ?=

all: build/build.ninja
	cmake --build build

build/build.ninja:
	cmake --preset release

preset-%:
	cmake --preset $*
	cmake --build --preset $*

test-%:
	python3 tools/test.py --jobs $(JOBS) $*

coverage: preset-coverage
	cmake --build build-coverage --target tests -j $(JOBS)
	find build-coverage -name '*.gcda' -delete
	ctest --test-dir build-coverage -L unit -j $(JOBS) --output-on-failure
	python3 tools/coverage.py build-coverage

demo:
	tools/deps.sh demo
	$(MAKE) all
	tools/demo.sh

test:
	tools/deps.sh test
	python3 tools/test.py --werror --jobs $(JOBS) $(TEST_PRESETS)

bench:
	tools/deps.sh bench
	$(MAKE) all
	cmake --build build --target bench
	python3 bench/micro.py --quick $(BENCH_ARGS)
	python3 bench/run.py --quick $(BENCH_ARGS)
	build/bench_regions --quick
	python3 bench/parse.py --quick

install: all
	DESTDIR="$(DESTDIR)" cmake --install build --prefix "$(PREFIX)"

clean:
	rm -rf build build-*

SOURCES = $(shell git ls-files '*.c' '*.h' '*.cc' '*.cpp' '*.hpp')

format:
	clang-format -i $(SOURCES)

tidy:
	python3 tools/tidy.py

lint: build/build.ninja
	clang-tidy -p build --quiet $(filter src/%.c cli/%.c,$(SOURCES))

.PHONY: all coverage demo test bench install clean format tidy lint

# The commands that people type. `make` lists them; CMakePresets.json and tools/ hold what they do.

PREFIX ?= /usr/local
export FUZZ_SECONDS ?= 60
CMAKE_FLAGS ?=
BENCH_FLAGS ?=
N ?= 100000

# One compiler takes up to 1.3 GB: no more of them than cores, nor than fit in memory.
JOBS ?= $(shell awk -v cores=$$(nproc) '/^MemAvailable/ {fit = int($$2 / 1300000); \
	print (fit < 1 ? 1 : fit < cores ? fit : cores)}' /proc/meminfo)

PROGRAMS := weir-controller weir-proxy weirctl
EXAMPLES := weir_chat_server weir_echo_server
BENCH := $(PROGRAMS) weir_bench_backend weir_bench_load weir_bench_table weir_bench_tunnels
FUZZERS := $(patsubst tests/fuzz/%.cc,bin/weir_%,$(wildcard tests/fuzz/*_fuzz.cc))
KUBE = KUBEBUILDER_ASSETS=$$(tools/kube-assets)
CTEST = $(KUBE) && export KUBEBUILDER_ASSETS && ctest -j $(JOBS) --no-tests=error --preset

.DEFAULT_GOAL := help
.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: release-tree ## optimised weir-controller, weir-proxy and weirctl, in build/bin
	@cmake --build --preset release -j $(JOBS) --target $(PROGRAMS:%=bin/%)
	@mkdir -p build/bin && ln -sfn $(PROGRAMS:%=../release/bin/%) build/bin

.PHONY: run
run: build ## a chat behind weir on https://localhost:8443; Ctrl-C ends it
	@cmake --build --preset release -j $(JOBS) --target $(EXAMPLES:%=examples/%)
	@exec examples/chat/run

.PHONY: test
test: release-tree fuzzers ## unit, integration, cluster and browser tests, fuzz targets FUZZ_SECONDS (60) each
	@tools/install-packages build test
	@tools/kube-assets >/dev/null
	@tools/chart-tools >/dev/null
	@cmake --build --preset release -j $(JOBS)
	@$(CTEST) release -LE faults

.PHONY: faults
faults: release-tree ## tunnels over lossy, dead and cut networks of their own; as root
	@cmake --build --preset release -j $(JOBS) --target weir_faults_tests
	@$(CTEST) release -L faults

.PHONY: image
image: ## the container image, by docker, podman or buildah: build/image/weir.tar
	@tools/image

IMAGE ?= build/image/weir.tar
E2E_FLAGS ?=
.PHONY: e2e
e2e: release-tree $(IMAGE) ## weir in a real one-node cluster of its own, as root (10 minutes; the first time 35)
	@tools/install-packages build e2e
	@cmake --build --preset release -j $(JOBS) --target $(PROGRAMS:%=bin/%) weir_cluster_app
	@tests/cluster/run $(IMAGE:%=--image=%) $(E2E_FLAGS)

build/image/weir.tar: $(shell find src cmd cmake CMakeLists.txt CMakePresets.json Dockerfile tools/image* tools/install-packages -type f)
	@tools/image

.PHONY: check
check: test ## the tests and the format, as CI does, then lint
	@tools/install-packages lint
	@tools/format --check
	@tools/lint

.PHONY: asan
asan: ## the tests under AddressSanitizer and UBSan
	@tools/install-packages build test
	@cmake --preset asan $(CMAKE_FLAGS)
	@cmake --build --preset asan -j $(JOBS)
	@$(CTEST) asan

.PHONY: tsan
tsan: ## the tests under ThreadSanitizer
	@tools/install-packages build test
	@cmake --preset tsan $(CMAKE_FLAGS)
	@cmake --build --preset tsan -j $(JOBS)
	@$(CTEST) tsan

.PHONY: fuzz
fuzz: fuzzers ## every fuzz target for FUZZ_SECONDS (60)
	@tools/fuzz

.PHONY: chart
chart: build ## README, schema and plain manifests of the chart, then its tests
	@tools/install-packages test
	@tools/chart-docs
	@tools/render-deploy
	@tests/chart/run

.PHONY: bench
bench: release-tree ## figures beside nginx, HAProxy and Envoy, on two CPUs: bench/results/
	@tools/install-packages build bench
	@cmake --build --preset release -j $(JOBS) --target $(BENCH)
	@bench/run $(BENCH_FLAGS)

.PHONY: bench-tunnels
bench-tunnels: release-tree ## messages, upgrades and memory of tunnels, beside the same: bench/results/
	@tools/install-packages build bench
	@cmake --build --preset release -j $(JOBS) --target $(BENCH)
	@bench/run --suite tunnels $(BENCH_FLAGS)

.PHONY: bench-idle
bench-idle: release-tree ## N (100000) tunnels while routes change and 1 % of them speak: bench/results/
	@tools/install-packages build bench
	@cmake --build --preset release -j $(JOBS) --target $(BENCH)
	@bench/run --suite idle --tunnels $(N) $(BENCH_FLAGS)

.PHONY: tls-audit
tls-audit: build ## sslyze and testssl.sh against weir as installed (2 to 4 minutes)
	@tools/install-packages audit
	@tools/tls-audit

.PHONY: soak
soak: release-tree ## hundreds of tunnels through minutes of changes, drains and silence, as root (9 minutes)
	@cmake --build --preset release -j $(JOBS) --target weir_soak
	@build/release/bin/weir_soak

.PHONY: autobahn
autobahn: build ## the Autobahn testsuite's WebSocket cases, directly and through weir (4 minutes)
	@tools/install-packages autobahn
	@tools/autobahn

.PHONY: bench-propagation
bench-propagation: release-tree ## how long a change takes on a real API server: bench/results/
	@tools/install-packages build test
	@cmake --build --preset release -j $(JOBS) --target weir_bench_propagation
	@tools/kube-assets >/dev/null
	@bench/run --suite propagation

.PHONY: bench-control
bench-control: release-tree ## 10 000 Ingresses on a real API server, 100 000 routes of a folder, as root: bench/results/
	@tools/install-packages build test
	@cmake --build --preset release -j $(JOBS) --target weir_bench_control
	@tools/kube-assets >/dev/null
	@bench/run --suite control $(BENCH_FLAGS)

.PHONY: format
format: ## lay out all C++ files with clang-format
	@tools/install-packages lint
	@tools/format

.PHONY: lint
lint: ## clang-tidy and shellcheck on what changed since they last passed
	@tools/install-packages build lint
	@tools/lint

.PHONY: install
install: build ## programs, man pages and completion, to PREFIX (/usr/local)
	@tools/install-tree "$(DESTDIR)$(PREFIX)"

.PHONY: clean
clean: ## remove build/
	@rm -rf build

.PHONY: fuzzers
fuzzers:
	@tools/install-packages build fuzz
	@cmake --preset fuzz $(CMAKE_FLAGS)
	@cmake --build --preset fuzz -j $(JOBS) --target $(FUZZERS)

.PHONY: release-tree
release-tree:
	@tools/install-packages build
	@cmake --preset release $(CMAKE_FLAGS)

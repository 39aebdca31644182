# The commands of this project, the same for a person and for CI. `make help` lists them.
# They need the Rust toolchain and a C compiler; what needs more says so.

CARGO ?= cargo
PYTHON ?= python3
IMAGE ?= lameduck:dev
DRILL_IMAGE ?= lameduck-drill:dev
# Image of the nodes of the kind cluster; empty: the one of k8s/kind.yaml.
KIND_IMAGE ?=
# Where images that are built without an image builder are put.
IMAGES ?= $(or $(CARGO_TARGET_DIR),target)/images
# The admin address that `make observe` observes.
ADMIN ?= 127.0.0.1:8081
# Where tools that some targets need are put; outside of the checkout.
TOOLS ?= $(HOME)/.cache/lameduck/tools
WINDOWS := x86_64-pc-windows-gnu
MACOS := aarch64-apple-darwin

.DEFAULT_GOAL := help
.PHONY: help run demo test test-link test-profile test-dependencies lint fmt fmt-check proto doc docs deny bench api-test test-grpc drill-soak image image-drill images rules test-observe observe chart e2e e2e-drill kind-up kind-up-drill cross cross-windows cross-macos ci new test-projects package

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

new: ## Start a service of your own: make new NAME=orders [DIR=../orders] [WITH=traces]
	$(CARGO) run --quiet --profile demo -p lameduck-cli -- new $(NAME) --dir $(or $(DIR),../$(NAME)) --engine $(CURDIR) $(if $(WITH),--with $(WITH))

run: ## Start the service on ports 8080 and 8081, bench routes on
	LAMEDUCK_BENCH__ENABLED=true $(CARGO) run

demo: ## Restart three replicas under load and count what was lost
	./scripts/demo

test: ## All tests: units, properties, real sockets, real processes
	$(CARGO) test --workspace

test-projects: ## Every project that make new can write: built, checked, tested
	LAMEDUCK_PROJECTS=all $(CARGO) test -p lameduck-cli --test it generated

test-link: ## The crossing of a request and our FIN over a delaying link (Linux, root)
	$(CARGO) test -p lameduck-server --features link-test --test link -- --nocapture

test-profile: ## A CPU profile of a running service (Linux)
	$(CARGO) test -p lameduck --features profile --test it profile

test-dependencies: ## The tests against real servers, such as PostgreSQL (installs them on Debian as root)
	./tests/dependencies/run

lint: fmt-check ## Formatting and clippy, warnings are errors
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings

fmt: ## Format the code
	$(CARGO) fmt --all

proto: ## Generate the code for the files in proto/ (needs no protoc)
	$(CARGO) run --quiet --example proto

fmt-check:
	$(CARGO) fmt --all --check

doc: ## Build the API documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

docs: ## Write the generated pages again: docs/configuration.md, docs/metrics.md, docs/report.schema.json
	LAMEDUCK_WRITE_DOCS=1 $(CARGO) test -q -p lameduck-lifecycle -p lameduck -p lameduck-service generated_pages

package: ## The crates as they would be published, into target/package
	./scripts/package

deny: ## Licences, bans, sources, advisories of the dependencies (needs cargo-deny)
	$(CARGO) deny check

bench: ## CPU and memory beside bare axum, in one run, as ratios
	$(CARGO) build --release -p lameduck-service
	$(CARGO) run --release -p lameduck-bench

api-test: ## Property tests of the HTTP interface against /openapi.json (needs Python; installs schemathesis into $TOOLS)
	TOOLS="$(TOOLS)" ./scripts/api-test

test-grpc: ## Clients that are not ours (grpcio, grpc-go, grpcurl) through rolling restarts (needs Python; Go for its client)
	TOOLS="$(TOOLS)" ./tests/grpc/run

drill-soak: ## A million requests across rolling restarts
	./scripts/drill-soak

image: ## Build the container image (needs docker)
	docker build --tag $(IMAGE) .

image-drill: ## Build the drill's container image, for its load pods (needs docker)
	docker build --target drill --tag $(DRILL_IMAGE) .

images: ## Build all images as archives, without an image builder (Linux)
	./tests/e2e/static-images $(IMAGES)

rules: ## Check and test the alert rules and dashboards (needs promtool)
	./scripts/rules

test-observe: ## One exit, told alike by report, log, Prometheus, Slack and trace (installs them: Debian, root)
	TOOLS="$(TOOLS)" CARGO="$(CARGO)" PYTHON="$(PYTHON)" ./tests/observe/run

observe: ## Prometheus, Alertmanager and a collector beside `make run` (ADMIN for another admin address)
	TOOLS="$(TOOLS)" ./tests/observe/tools
	TOOLS="$(TOOLS)" $(PYTHON) tests/observe/stack.py $(ADMIN)

chart: ## Check the chart and the rendered manifests (needs helm)
	./scripts/chart

e2e: ## The tests on a real cluster: any KUBECONFIG (needs helm, kubectl)
	./tests/e2e/run

e2e-drill: ## Every way a pod can be asked to leave, on a real cluster, from the clients' side (as e2e; also lameduck-drill)
	./tests/e2e/run --suite drill

kind-up: ## A local cluster with the image loaded (needs docker, kind; KIND_IMAGE for another Kubernetes)
	IMAGES="$(IMAGES)" KIND_IMAGE="$(KIND_IMAGE)" ./scripts/kind-up $(IMAGE)

kind-up-drill: ## The same with the other images that e2e-drill needs: make image image-drill images
	IMAGES="$(IMAGES)" KIND_IMAGE="$(KIND_IMAGE)" ./scripts/kind-up $(IMAGE) $(DRILL_IMAGE) lameduck-axum-peer:dev

cross: cross-windows cross-macos ## Compile for Windows and macOS without linking (needs the targets: rustup target add)

cross-windows:
	$(CARGO) check --workspace --target $(WINDOWS)

# Without those that talk to a cluster: elsewhere than on macOS there is no C compiler for ring.
cross-macos:
	$(CARGO) check -p lameduck-lifecycle -p lameduck-server -p lameduck-telemetry -p lameduck --target $(MACOS)

ci: ## What CI runs for every change
	./.ci/run

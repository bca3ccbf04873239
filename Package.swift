// swift-tools-version: 6.1
import PackageDescription

/// The arrows of the house: HWModels <- Attention <- Programs <- {Results, Dataflow, Spatial} <- Schedules <- Simulator
/// <- {InputFiles, Reports} <- Validation <- attnsim; Schedules <- Interpreter.
/// `swift build --explicit-target-dependency-import-check error` guards them.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// What a program is about and made of.
let language: [Target.Dependency] = ["HWModels", "Attention", "Programs"]
/// All programs that there are.
let kernels: [Target.Dependency] = language + ["Dataflow", "Spatial", "Schedules"]
/// Question in, answer out: the standard library only.
let core: [Target.Dependency] = kernels + ["Results", "Simulator"]

let package = Package(
  name: "attnsim",
  products: [
    .library(name: "AttnsimCore", targets: [
        "HWModels", "Attention", "Programs", "Results", "Dataflow", "Spatial", "Schedules", "Simulator",
        "Interpreter",
      ]),
    .executable(name: "attnsim", targets: ["attnsim"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // Draws graphs in process; needs libgraphviz-dev.
    .target(name: "CGraphviz", linkerSettings: [.linkedLibrary("gvc"), .linkedLibrary("cgraph")]),
    // The machine, the question, the language, the answer.
    .target(name: "HWModels", swiftSettings: settings),
    .target(name: "Attention", dependencies: ["HWModels"], swiftSettings: settings),
    .target(name: "Programs", dependencies: ["HWModels", "Attention"], swiftSettings: settings),
    .target(name: "Results", dependencies: language, swiftSettings: settings),
    // Machines that are no GPU: schedules and timing of each kind.
    .target(name: "Dataflow", dependencies: language + ["Results"], swiftSettings: settings),
    .target(name: "Spatial", dependencies: language + ["Results"], swiftSettings: settings),
    // The kernels, when they happen, what they compute.
    .target(name: "Schedules", dependencies: language + ["Dataflow", "Spatial"], swiftSettings: settings),
    .target(name: "Simulator", dependencies: kernels + ["Results"], swiftSettings: settings),
    .target(name: "Interpreter", dependencies: kernels, swiftSettings: settings),
    .target(
      name: "InputFiles", dependencies: core + [.product(name: "Yams", package: "Yams")],
      swiftSettings: settings),
    .target(
      name: "Reports",
      dependencies: core + [
        "CGraphviz",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ], swiftSettings: settings),
    .target(name: "Validation", dependencies: core + ["InputFiles", "Reports"], swiftSettings: settings),
    .executableTarget(
      name: "attnsim",
      dependencies: core + [
        "Interpreter", "InputFiles", "Reports", "Validation",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: settings),
    .executableTarget(
      name: "WarmCall", dependencies: core + ["InputFiles"], path: "Benchmarks/WarmCall",
      swiftSettings: settings),
    .target(
      name: "AttnsimTestSupport", dependencies: core, path: "Tests/AttnsimTestSupport",
      swiftSettings: settings),
    .testTarget(
      name: "SchedulesTests", dependencies: core + ["AttnsimTestSupport"], resources: [.copy("Data")],
      swiftSettings: settings),
    .testTarget(
      name: "InterpreterTests", dependencies: core + ["InputFiles", "Interpreter", "AttnsimTestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "SimulatorTests", dependencies: core + ["Interpreter", "InputFiles", "AttnsimTestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "InputFilesTests", dependencies: core + ["InputFiles", "AttnsimTestSupport"],
      swiftSettings: settings),
    .testTarget(name: "AttnsimTests", dependencies: ["attnsim"], swiftSettings: settings),
    // Reads the sources as text.
    .testTarget(name: "HouseTests", swiftSettings: settings),
    .testTarget(
      name: "ReportsTests",
      dependencies: core + ["Reports", .product(name: "GRDB", package: "GRDB.swift")],
      exclude: ["Golden"], swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)

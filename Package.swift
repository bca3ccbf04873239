// swift-tools-version: 6.1
import PackageDescription

/// The arrows of the house: HWModels <- Schedules <- Simulator <- {InputFiles, Reports} <- attnsim.
/// `swift build --explicit-target-dependency-import-check error` guards them.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
  name: "attnsim",
  products: [
    .library(name: "AttnsimCore", targets: ["HWModels", "Schedules", "Simulator", "Interpreter"]),
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
    .target(name: "HWModels", swiftSettings: settings),
    .target(name: "Schedules", dependencies: ["HWModels"], swiftSettings: settings),
    .target(name: "Simulator", dependencies: ["HWModels", "Schedules"], swiftSettings: settings),
    .target(name: "Interpreter", dependencies: ["HWModels", "Schedules"], swiftSettings: settings),
    .target(
      name: "InputFiles",
      dependencies: [
        "HWModels", "Schedules", "Simulator", .product(name: "Yams", package: "Yams"),
      ], swiftSettings: settings),
    .target(
      name: "Reports",
      dependencies: [
        "HWModels", "Schedules", "Simulator", "CGraphviz",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ], swiftSettings: settings),
    .executableTarget(
      name: "attnsim",
      dependencies: [
        "HWModels", "Schedules", "Simulator", "Interpreter", "InputFiles", "Reports",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: settings),
    .executableTarget(
      name: "WarmCall", dependencies: ["HWModels", "Schedules", "Simulator", "InputFiles"],
      path: "Benchmarks/WarmCall", swiftSettings: settings),
    .target(
      name: "AttnsimTestSupport", dependencies: ["HWModels", "Schedules", "Simulator"],
      path: "Tests/AttnsimTestSupport", swiftSettings: settings),
    .testTarget(
      name: "SchedulesTests", dependencies: ["HWModels", "Schedules", "AttnsimTestSupport"],
      resources: [.copy("Data")], swiftSettings: settings),
    .testTarget(
      name: "InterpreterTests",
      dependencies: [
        "HWModels", "Schedules", "Simulator", "InputFiles", "Interpreter", "AttnsimTestSupport",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "SimulatorTests",
      dependencies: ["HWModels", "Schedules", "Simulator", "Interpreter", "InputFiles", "AttnsimTestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "InputFilesTests",
      dependencies: ["HWModels", "Schedules", "Simulator", "InputFiles", "AttnsimTestSupport"],
      swiftSettings: settings),
    .testTarget(name: "AttnsimTests", dependencies: ["attnsim"], swiftSettings: settings),
    .testTarget(
      name: "ReportsTests",
      dependencies: [
        "HWModels", "Schedules", "Simulator", "Reports", .product(name: "GRDB", package: "GRDB.swift"),
      ],
      exclude: ["Golden"], swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)

import Attention
import Foundation
import HWModels
import InputFiles
import Programs
import Schedules
import Testing

@testable import Dataflow
@testable import Results
@testable import Simulator
@testable import Spatial

/// The streaming graphs against the published table and the rows of `validation/streaming.csv`.
@Suite struct DataflowTruthTests {
  static func machine(_ fill: (inout Device.Streaming) -> Void = { _ in }) -> Device {
    var device = Device(id: "streaming", name: "streaming", kind: .gpu)
    var machine = Device.Streaming()
    machine.nodes = Count(16)
    machine.bufferCapacity = Bytes(1e12)
    machine.interval = Cycles(1)
    machine.latency = Cycles(1)
    machine.exponentialLatency = Cycles(1)
    machine.channelLatency = Cycles(1)
    machine.creditLatency = Cycles(1)
    fill(&machine)
    device.streaming = machine
    return device
  }

  static func graph(
    _ schedule: String, _ length: Int, _ parameters: [String: String], headDim: Int = 1,
    device: Device = machine()
  ) throws -> DataflowGraph {
    let shape = try AttentionShape(batch: 1, headsQ: 1, seqQ: length, headDim: headDim, dataType: .fp32)
    let type = try #require(ScheduleRegistry.standard[schedule])
    let program = try type.init(parameters: .init(parameters)).program(for: shape, on: device)
    return try #require(program.placement).shares[0].graph
  }

  static func play(_ graph: DataflowGraph, _ device: Device = machine(), jumps: Bool = true) throws
    -> DataflowSimulation.Outcome
  {
    let timing = DataflowTiming(try #require(device.streaming))
    var simulation = DataflowSimulation(graph, timing: timing, detectsPeriods: jumps)
    return simulation.run()
  }

  private static let schedules = [
    "naive_scaled": "sdpa-naive", "unscaled": "sdpa-unscaled", "scaled_reordered": "sdpa-reordered",
    "memory_free": "sdpa-memory-free",
  ]

  /// Rows of a CSV file by column; cells may be quoted.
  static func table(_ path: String) throws -> [[String: String]] {
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { line in
      var cells = [""]
      var isQuoted = false
      for character in line {
        switch character {
        case "\"": isQuoted.toggle()
        case "," where !isQuoted: cells.append("")
        default: cells[cells.count - 1].append(character)
        }
      }
      return cells
    }
    return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(lines[0], $0)) }
  }

  @Test("Every row of cycles and deadlocks")
  func rows() throws {
    let path = try #require(CheckoutFolder.find("validation")) + "/streaming.csv"
    let rows = try Self.table(path)
    var cycles = 0
    var deadlocks = 0
    for row in rows {
      let metric = row["metric"]
      guard metric == "cycles" || metric == "deadlock" else { continue }
      let note = try #require(row["note"])
      func depth(_ label: String) -> String? {
        note.range(of: label).map { String(note[$0.upperBound...].prefix { $0.isLetter || $0.isNumber }) }
      }
      let parameters =
        if let all = depth("all FIFOs depth ") { ["short": all] } else {
          ["short": "2", "long": try #require(depth("long FIFO depth "))]
        }
      let name = try #require(Self.schedules[row["kernel"] ?? ""])
      let length = try #require(Int(row["seq_q"] ?? ""))
      let outcome = try Self.play(Self.graph(name, length, parameters))
      if metric == "cycles" {
        #expect(
          outcome.blocked.isEmpty && outcome.end == Int(row["value"] ?? ""), "\(name) \(length) \(parameters)"
        )
        cycles += 1
      } else {
        let stop = depth("run stops at cycle ").flatMap { Int($0) }
        #expect(!outcome.blocked.isEmpty && outcome.end == stop, "\(name) \(length) \(parameters)")
        deadlocks += 1
      }
    }
    #expect(cycles == 103 && deadlocks == 14)
  }
}

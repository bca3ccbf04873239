import HWModels
import InputFiles
import Reports
import Results
import Simulator

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Which part of the points one process does: points `index` with `index mod count == number - 1`.
struct SweepShard: Sendable {
  let number: Int
  let count: Int

  /// Reads `2/8`.
  init(_ text: String) throws {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let number = Int(parts[0]), let count = Int(parts[1]), count >= 1,
      (1...count).contains(number)
    else { throw Failure(.usage, "error: --shard \(text): write I/N, for example 2/8, with I from 1 to N") }
    self.number = number
    self.count = count
  }
}

/// A sweep: the points that are left to do, done by a few tasks and written in order.
struct SweepPlan: Sendable {
  let scenario: Scenario
  let record: SweepRecord
  private let text: String
  private let shard: SweepShard?

  init(scenario: Scenario, file: String, shard: SweepShard?) throws {
    self.scenario = scenario
    self.shard = shard
    text = try SourceText.load(file).text
    record = SweepRecord(
      name: scenario.name, source: .scenario(name: file, text: text), axes: scenario.axes.map(\.name),
      pointCount: scenario.count)
  }

  static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// What became of a sweep.
  struct Outcome {
    var done = 0
    var skipped = 0
    var skippedProblems = 0
    var problems = 0
    var firstProblem: String?
    var seconds = 0.0

    func description(db: String) -> String {
      let rate = seconds > 0 ? ", \(NumberText.significant(Double(done) / seconds)) a second" : ""
      var lines = ["\(done) points in \(NumberText.time(seconds))\(rate), in \(db)"]
      if skipped > 0 {
        let without = skippedProblems > 0 ? ", \(skippedProblems) of them without a result" : ""
        lines.append("\(skipped) were there already\(without)")
      }
      if problems > 0 { lines.append("\(problems) have no result; the first: \(firstProblem ?? "")") }
      return lines.joined(separator: "\n")
    }
  }

  /// What one point gave.
  private enum PointOutcome: Sendable {
    case result(SimulationResult)
    case problem(String)
  }

  /// Does the points and writes them in order, as they come.
  ///
  /// The rows are the same for any number of jobs. Memory holds a few blocks of points and no more.
  func run(
    into store: ResultStore, jobs: Int, resume: Bool, detail: RunWriter.Detail,
    deviceFileHash: (String) -> String?
  ) async throws -> Outcome {
    let sweep = try store.sweep(record)
    let finished = resume ? Set(try store.finishedPoints(of: sweep)) : []
    let points = PointBlocks(count: scenario.count, shard: shard, finished: finished)
    let writer = store.writer(sweep: sweep, shard: shard?.number, detail: detail)
    var outcome = Outcome()
    outcome.skipped = points.skipped
    if points.skipped > 0 { outcome.skippedProblems = try store.problemCount(of: sweep) }
    var bar = ProgressBar(total: points.total)
    var hashes: [String: String?] = [:]
    let start = ContinuousClock.now
    try await forEachBlock(points, jobs: jobs) { block in
      for (index, point) in block {
        let values = scenario.values(at: index).map(\.value)
        switch point {
        case .problem(let message):
          try writer.add(problem: message, point: index, axisValues: values)
          outcome.problems += 1
          if outcome.firstProblem == nil { outcome.firstProblem = "point \(index): \(message)" }
        case .result(let result):
          let id = result.request.device.id
          if hashes[id] == nil { hashes[id] = .some(deviceFileHash(id)) }
          try writer.add(
            RunRecord(
              result: result, source: record.source, deviceFileHash: hashes[id] ?? nil,
              toolVersion: Attnsim.version),
            point: index, axisValues: values)
        }
        outcome.done += 1
      }
      bar.advance(to: outcome.done)
    }
    try writer.finish()
    bar.finish()
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    outcome.seconds = Double(seconds) + Double(attoseconds) * 1e-18
    return outcome
  }

  /// Computes blocks on `jobs` tasks and hands them to `take` in order.
  private func forEachBlock(
    _ points: PointBlocks, jobs: Int, take: ([(Int, PointOutcome)]) throws -> Void
  ) async throws {
    // Blocks may finish out of order by as many as this before the slowest holds up the rest.
    let window = 4 * jobs
    try await withThrowingTaskGroup(of: (Int, [(Int, PointOutcome)]).self) { group in
      var waiting: [Int: [(Int, PointOutcome)]] = [:]
      var begun = 0
      var taken = 0
      var running = 0
      while taken < points.blockCount {
        while running < jobs, begun < points.blockCount, begun - taken < window {
          let number = begun
          group.addTask { (number, points.block(number).map { ($0, answer($0)) }) }
          begun += 1
          running += 1
        }
        guard let (number, block) = try await group.next() else { break }
        running -= 1
        waiting[number] = block
        while let block = waiting.removeValue(forKey: taken) {
          try take(block)
          taken += 1
        }
      }
    }
  }

  private func answer(_ index: Int) -> PointOutcome {
    do {
      return .result(try Simulation.run(try scenario.request(index)))
    } catch {
      return .problem("\(error)")
    }
  }
}

/// The points that are to be done, in blocks of neighbours.
private struct PointBlocks: Sendable {
  /// Long enough that handing one over costs nothing beside computing it.
  private static let blockSize = 64

  let total: Int
  let skipped: Int
  private let stride: Int
  private let offset: Int
  private let inShard: Int
  /// The points that are left, where some are finished; nil for all.
  private let left: [Int]?

  init(count: Int, shard: SweepShard?, finished: Set<Int>) {
    let stride = shard?.count ?? 1
    let offset = (shard?.number ?? 1) - 1
    let inShard = offset < count ? (count - offset + stride - 1) / stride : 0
    (self.stride, self.offset, self.inShard) = (stride, offset, inShard)
    let left =
      finished.isEmpty
      ? nil : (0..<inShard).map { offset + $0 * stride }.filter { !finished.contains($0) }
    self.left = left
    total = left?.count ?? inShard
    skipped = inShard - total
  }

  var blockCount: Int { (total + PointBlocks.blockSize - 1) / PointBlocks.blockSize }

  func block(_ number: Int) -> [Int] {
    let range = number * PointBlocks.blockSize..<min((number + 1) * PointBlocks.blockSize, total)
    if let left { return Array(left[range]) }
    return range.map { offset + $0 * stride }
  }
}

/// One line on standard error, where that is a terminal.
private struct ProgressBar {
  private let total: Int
  private let isShown = Console.errorIsTerminal
  private let start = ContinuousClock.now
  private var last = ContinuousClock.now

  init(total: Int) { self.total = total }

  mutating func advance(to done: Int) {
    let now = ContinuousClock.now
    guard isShown, total > 0, now - last > .milliseconds(100) else { return }
    last = now
    let share = Double(done) / Double(total)
    let (elapsed, attoseconds) = (now - start).components
    let seconds = Double(elapsed) + Double(attoseconds) * 1e-18
    let filled = Int(share * 30)
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
    let left = share > 0 ? NumberText.significant(seconds / share - seconds, 2) : "?"
    Console.progress("\r[\(bar)] \(done)/\(total), \(left) s left   ")
  }

  func finish() {
    if isShown { Console.progress("\r" + String(repeating: " ", count: 72) + "\r") }
  }
}

import Attention
public import HWModels
import Programs
public import Results
import Schedules

/// Strides and tiles of a neighborhood mask, ranked by predicted time, with how far each moves the mask from stride 1.
///
/// A stride lets neighbouring queries share a window, which saves tiles and, where it fits the tiles, the mask itself;
/// the price is that windows are no longer centred on their queries.
public struct NeighborhoodSearch: Sendable {
  /// One choice.
  public struct Candidate: Sendable {
    public var stride: [Int]
    public var queryTile: [Int]
    public var keyTile: [Int]
    /// The whole call, token permutation included where the request has it.
    public var time: Duration
    /// Tiles that the kernel walks for one head.
    public var walkedTiles: Int
    /// Whether the kernel runs without masks.
    public var isUnmasked: Bool
    /// Share of the pairs at stride 1 that this stride leaves out.
    public var movedShare: Double
    /// No other choice is both faster and nearer to stride 1.
    public var isOnFront = false
  }

  /// What is searched around: a `gna` mask, whose stride is ignored, under the schedule `gna-hopper`.
  public var request: SimulationRequest
  /// Choices that are simulated for each pair of tiles, of those that need a mask and of those that do not.
  public var simulated: Int

  public init(_ request: SimulationRequest, simulated: Int = 24) {
    self.request = request
    self.simulated = simulated
  }

  /// The choices, fastest first.
  ///
  /// Strides that can matter are tried: powers of two, multiples of the tiles' extents and the window itself. Those that
  /// walk the fewest tiles are simulated, and stride 1 always.
  ///
  /// - Throws: `SimulationError` where the schedule refuses the shape or a mask is wrong.
  public func run() throws(SimulationError) -> [Candidate] {
    guard case .neighborhood(let mask) = request.shape.mask,
      let table = GNATiles.table(request.shape.headDim, mask.axes.count)
    else { throw refusal(try Simulation.program(request)) }
    let (queryTiles, keyTiles) = (Set(table.map(\.query)), Set(table.map(\.key)))
    var found: [Candidate] = []
    do {
      let plain = try mask.strided(mask.axes.map { _ in 1 })
      for tiles in table {
        for choice in try choices(plain, tiles) {
          var one = request
          one.shape.mask = .neighborhood(choice.mask)
          // A kernel with one tile of a kind has no parameter for it.
          if queryTiles.count > 1 { one.parameters.values["tile-q"] = name(tiles.query) }
          if keyTiles.count > 1 { one.parameters.values["tile-kv"] = name(tiles.key) }
          found.append(
            Candidate(
              stride: choice.mask.axes.map(\.stride), queryTile: tiles.query, keyTile: tiles.key,
              time: try Simulation.run(one).time, walkedTiles: choice.boxes.walked,
              isUnmasked: choice.boxes.takesFastPath, movedShare: plain.shareLeftOut(by: choice.mask)))
        }
      }
    } catch let error as SimulationError {
      throw error
    } catch {
      throw .schedule(.unsupported(schedule: request.schedule, field: "mask", message: "\(error)"))
    }
    found.sort { ($0.time.value, $0.movedShare) < ($1.time.value, $1.movedShare) }
    var nearest = Double.infinity
    for index in found.indices where found[index].movedShare < nearest {
      nearest = found[index].movedShare
      found[index].isOnFront = true
    }
    return found
  }

  private func refusal(_ program: Program) -> SimulationError {
    .schedule(
      .unsupported(
        schedule: request.schedule, field: "mask",
        message: "has strides for gna masks only, not \(program.shape.mask)"))
  }

  private struct Choice {
    var mask: Neighborhood
    var boxes: BoxCounts
  }

  /// The strides worth a simulation.
  private func choices(_ plain: Neighborhood, _ tiles: GNATiles) throws(MaskProblem) -> [Choice] {
    var all: [Choice] = []
    for stride in strides(plain, tiles) {
      let mask = try plain.strided(stride)
      let map = try Mask.neighborhood(mask).tiles(
        seqQ: mask.tokens, seqKV: mask.tokens,
        geometry: .boxes(query: tiles.query, key: tiles.key, .fixed))
      if let boxes = map.boxCounts { all.append(Choice(mask: mask, boxes: boxes)) }
    }
    // Of strides that walk as many tiles the smallest moves the mask least.
    func rank(_ choice: Choice) -> (Int, Int) {
      (choice.boxes.walked, choice.mask.axes.reduce(0) { $0 + $1.stride })
    }
    let kinds = [true, false].flatMap { isUnmasked in
      all.filter { $0.boxes.takesFastPath == isUnmasked }.sorted { rank($0) < rank($1) }.prefix(simulated)
    }
    let isPlainIn = kinds.contains { $0.mask == plain }
    return kinds + (isPlainIn ? [] : all.filter { $0.mask == plain })
  }

  /// Products of the strides of each axis.
  private func strides(_ plain: Neighborhood, _ tiles: GNATiles) -> [[Int]] {
    var products: [[Int]] = [[]]
    for (index, axis) in plain.axes.enumerated() {
      var choices: Set<Int> = [1, axis.window]
      var power = 2
      while power <= axis.window {
        choices.insert(power)
        power *= 2
      }
      for extent in [tiles.query[index], tiles.key[index]] {
        // Beyond a few dozen multiples the next one saves nothing that the last did not.
        let step = extent * max(axis.window / extent / 32, 1)
        for multiple in stride(from: step, through: axis.window, by: step) { choices.insert(multiple) }
      }
      products = products.flatMap { product in choices.sorted().map { product + [$0] } }
    }
    return products
  }

  private func name(_ tile: [Int]) -> String { tile.map(String.init).joined(separator: "x") }
}

/// Stream-K: the key tiles of all heads as one line, cut into equal runs, whatever heads the cuts fall into.
///
/// - Source: Sanovar et al. 2024, "LeanAttention" (arXiv 2405.10480); microsoft/onnxruntime
///   contrib_ops/cuda/bert/lean_attention (grid rule); ROCm/aiter lean_atten.py (rule per XCD).
public struct StreamKRanges: Sendable, Hashable {
  /// Key tiles of each output tile, as runs of equal ones, in the order of the line.
  public let outputs: [Run]
  /// Tiles in the whole line.
  public let total: Int
  /// Work items that take a run each.
  public let grid: Int
  /// Tiles of the first `highLoad` work items; the others take `otherTiles`.
  public let maxTiles: Int
  public let highLoad: Int
  public let otherTiles: Int

  /// `count` output tiles of `tiles` key tiles each.
  public struct Run: Sendable, Hashable {
    public var count: Int
    public var tiles: Int
    public init(count: Int, tiles: Int) {
      self.count = count
      self.tiles = tiles
    }
  }

  /// Part of one work item's run that lies in one output tile.
  public struct Piece: Sendable, Hashable {
    /// Number of the output tile in the line.
    public var output: Int
    /// Its key tiles.
    public var tiles: Range<Int>
    public var workItem: Int
    /// Whether it is the first part of its output: that work item merges the others.
    public var isHost: Bool { tiles.lowerBound == 0 }
  }

  /// As the authors' CUDA code deals: the first work items take one tile more than the others.
  public init(outputs: [Run], grid: Int) {
    self.outputs = outputs
    total = outputs.reduce(0) { $0 + $1.count * $1.tiles }
    self.grid = max(min(grid, total), 1)
    maxTiles = (total + self.grid - 1) / self.grid
    highLoad = total - (maxTiles - 1) * self.grid
    otherTiles = maxTiles - 1
  }

  /// As a plain persistent kernel deals: every work item takes `ceil(total / programs)` tiles, the last what is left.
  public init(outputs: [Run], equalRuns programs: Int) {
    self.outputs = outputs
    total = outputs.reduce(0) { $0 + $1.count * $1.tiles }
    maxTiles = max((total + max(programs, 1) - 1) / max(programs, 1), 1)
    grid = max((total + maxTiles - 1) / maxTiles, 1)
    highLoad = total / maxTiles
    otherTiles = total - highLoad * maxTiles
  }

  /// The authors' CUDA grid: two work items a core, at least two tiles for each, at most about 32 parts of a head.
  ///
  /// - Parameters:
  ///   - outputTiles: row tiles x key-value heads x batch.
  ///   - blocks: key tiles of the longest output.
  public static func authorsGrid(total: Int, outputTiles: Int, blocks: Int, cores: Int) -> Int {
    let grid =
      total <= 4 * cores
      ? fewTiles(total: total, blocks: blocks)
      : min(2 * cores, 32 * outputTiles)
    return max(min(grid, total), 1)
  }

  /// AITER's: a multiple of the cores as the tuning file says, shrunk as the authors' where there are fewer tiles.
  public static func aiterGrid(total: Int, blocks: Int, cores: Int, factor: Int) -> Int {
    let programs = cores * max(factor, 1)
    guard total <= programs else { return max(programs, 1) }
    return max(fewTiles(total: total, blocks: blocks), 1)
  }

  /// Two tiles for each work item, and at most about 32 parts of a head.
  private static func fewTiles(total: Int, blocks: Int) -> Int {
    min((total + 1) / 2, (32 * total + blocks - 1) / max(blocks, 1))
  }

  /// First tile of work item `index`, and the one after its last.
  public func range(of index: Int) -> Range<Int> {
    let first = index * otherTiles + min(index, highLoad) * (maxTiles - otherTiles)
    return first..<min(first + (index < highLoad ? maxTiles : otherTiles), total)
  }

  /// Most parts that an output can fall into; the authors size their scratch memory with it.
  public func scratchSplits(blocks: Int) -> Int {
    if highLoad == grid { return 1 + (blocks + maxTiles - 2) / maxTiles }
    return maxTiles > 1 ? 1 + (blocks + maxTiles - 3) / (maxTiles - 1) : blocks
  }

  /// Parts of all work items in the order of the line. Complexity: O(pieces).
  public func pieces() -> [Piece] {
    var pieces: [Piece] = []
    var place = 0
    var output = 0
    var item = 0
    var itemEnd = range(of: 0).upperBound
    for run in outputs where run.tiles > 0 {
      for _ in 0..<run.count {
        let start = place
        let end = start + run.tiles
        while place < end {
          while itemEnd <= place, item + 1 < grid {
            item += 1
            itemEnd = range(of: item).upperBound
          }
          let next = min(end, max(itemEnd, place + 1))
          pieces.append(Piece(output: output, tiles: place - start..<next - start, workItem: item))
          place = next
        }
        output += 1
      }
    }
    return pieces
  }
}

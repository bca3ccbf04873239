/// FlashInfer's plan of a batch: the shortest piece of keys whose pieces, all requests and heads together, still fit the grid at
/// once, found by bisection; and what the launch looks like.
///
/// Lengths are in pages. A request is `ceil(pages / chunk)` pieces for each tile of queries. Under a CUDA graph the launch has
/// the size of the whole grid, whatever the batch, and work items without a piece leave at once.
///
/// - Source: flashinfer-ai/flashinfer include/flashinfer/attention/scheduler.cuh: `DecodePlan` over
///   `PartitionPagedKVCacheBinarySearchMinNumPagePerBatch` (`decode`, one query, work items a core by the kernel's occupancy),
///   `PrefillPlan` over `PrefillBinarySearchKVChunkSize` (`prefill`, also for decode on matrix instructions, two work
///   items a core); utils.cuh, `FA2DetermineCtaTileQ`.
public struct FlashInferPlan: Sendable, Hashable {
  /// Which of the two planners.
  public enum Kind: Sendable, Hashable { case decode, prefill }

  /// `count` requests of the same lengths: queries, and pages of keys.
  public struct Request: Sendable, Hashable {
    public var queries: Int
    public var pages: Int
    public var count: Int
    public init(queries: Int = 1, pages: Int, count: Int = 1) {
      self.queries = queries
      self.pages = pages
      self.count = count
    }
  }

  /// Heads, pages and grid.
  public struct Grid: Sendable, Hashable {
    public var headsQ: Int
    public var headsKV: Int
    public var headDim: Int
    public var pageSize: Int
    public var cores: Int
    public var workItemsPerCore: Int
    /// Tokens of the batch under a CUDA graph; nil without one.
    public var graphTokens: Int?
    public init(
      headsQ: Int, headsKV: Int, headDim: Int = 128, pageSize: Int, cores: Int, workItemsPerCore: Int = 2,
      graphTokens: Int? = nil
    ) {
      self.headsQ = headsQ
      self.headsKV = headsKV
      self.headDim = headDim
      self.pageSize = pageSize
      self.cores = cores
      self.workItemsPerCore = workItemsPerCore
      self.graphTokens = graphTokens
    }
  }

  /// Rows of a tile of queries; heads of a group share them.
  public let queryTile: Int
  /// Pages of a piece.
  public let chunk: Int
  /// Whether pieces go through partial results and a merge.
  public let isSplit: Bool
  /// Pieces of each request, for each of its tiles of queries; in the order of the requests.
  public let parts: [Int]
  /// Work items of a key-value head with a piece, and with those that leave at once.
  public let items: Int
  public let paddedItems: Int

  /// Fewest keys of a piece.
  private static let fewestKeys = 128

  /// Complexity: O(different requests x log pages).
  public init(_ requests: [Request], _ grid: Grid, kind: Kind) {
    let group = max(grid.headsQ / max(grid.headsKV, 1), 1)
    let batch = requests.reduce(0) { $0 + $1.count }
    let places = grid.cores * grid.workItemsPerCore / max(grid.headsKV, 1)
    let isGraph = grid.graphTokens != nil
    let tile = kind == .decode ? group : Self.tile(requests, grid, group: group, batch: batch)
    func rowTiles(_ request: Request) -> Int {
      kind == .decode ? 1 : (request.queries * group + tile - 1) / tile
    }
    func pieces(_ chunk: Int) -> Int {
      requests.reduce(0) {
        $0 + $1.count * rowTiles($1) * ((max($1.pages, 1) + chunk - 1) / chunk)
      }
    }
    let longest = max(requests.map(\.pages).max() ?? 1, 1)
    let least = max(Self.fewestKeys / max(grid.pageSize, 1), 1)
    var chunk = least
    if kind == .decode, batch * grid.headsKV >= grid.cores * grid.workItemsPerCore {
      chunk = longest
    } else {
      var high = longest
      while chunk < high {
        let middle = (chunk + high) / 2
        if pieces(middle) > places { chunk = middle + 1 } else { high = middle }
      }
    }
    queryTile = tile
    self.chunk = chunk
    items = pieces(chunk)
    parts = requests.map { (max($0.pages, 1) + chunk - 1) / chunk }
    switch kind {
    case .decode:
      let isFull = batch * grid.headsKV >= grid.cores * grid.workItemsPerCore
      isSplit = !isFull && (items != batch || isGraph)
      paddedItems = isGraph ? (isSplit ? places : batch) : items
    case .prefill:
      isSplit = isGraph || chunk < longest
      let tiles = grid.graphTokens.map { ($0 * group + tile - 1) / tile + batch - 1 } ?? 0
      paddedItems = isGraph ? max(places, tiles) : items
    }
  }

  /// Rows of a tile by the mean number of rows of a request, or under a graph the most that one can have.
  private static func tile(_ requests: [Request], _ grid: Grid, group: Int, batch: Int) -> Int {
    let rows: Int
    if let tokens = grid.graphTokens {
      rows = (tokens - batch + 1) * group
    } else {
      rows = requests.reduce(0) { $0 + $1.count * $1.queries * group } / max(batch, 1)
    }
    if rows > 64, grid.headDim < 256 { return 128 }
    return rows > 16 ? 64 : 16
  }
}

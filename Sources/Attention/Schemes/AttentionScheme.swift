/// Ways to compute the attention of one layer, projections included, by what they keep and what they compute again.
///
/// Two readings of "recompute" are in use, and both are here: `mlaRecompute` forms the product of the query and key
/// up-projections again each step and multiplies with it; `mlaRecomputeOrdered` applies the two one after the other, which
/// is the same arithmetic as `mlaTwoStep`.
///
/// - Source: DeepSeek-V2 (arXiv 2405.04434), equations 9 to 19; Geens and Verhelst 2025 (arXiv 2506.02523) for reuse
///   and recompute. The counts are derived from the dimensions; activations are not counted.
public enum AttentionScheme: String, Sendable, CaseIterable {
  case mha, gqa, mqa
  /// Keys and values of all heads from the latent, for every cached token.
  case mlaExpanded = "mla-expanded"
  /// Queries up, then into the latent space; attention there; the output down again.
  case mlaTwoStep = "mla-two-step"
  case mlaRecompute = "mla-recompute"
  case mlaRecomputeOrdered = "mla-recompute-ordered"
  /// The product of query and key up-projections is kept instead of its factors.
  case mlaReuse = "mla-reuse"
  /// The product of value up-projection and output projection too.
  case mlaReuseValue = "mla-reuse-vo"

  public var isLatent: Bool {
    switch self {
    case .mha, .gqa, .mqa: false
    default: true
    }
  }

  /// Whether it makes sense for a model: latent schemes need latent dimensions, grouped ones fewer KV heads than heads.
  public func applies(to model: AttentionModel) -> Bool {
    switch self {
    case .gqa: model.headsKV > 1 && model.headsKV < model.heads
    case .mha, .mqa: true
    default: model.hasLatent
    }
  }

  /// What one layer is asked in one step.
  public struct Step: Sendable, Hashable {
    public var batch: Int
    /// New tokens of each sequence, and tokens in the cache that they attend to.
    public var tokens: Int
    public var context: Int
    /// Devices over which heads are divided; what all heads share is on each.
    public var tensorParallel: Int
    /// Attention alone, without projections and their weights.
    public var coreOnly: Bool
    public init(
      batch: Int = 1, tokens: Int = 1, context: Int, tensorParallel: Int = 1, coreOnly: Bool = false
    ) {
      self.batch = batch
      self.tokens = tokens
      self.context = context
      self.tensorParallel = max(tensorParallel, 1)
      self.coreOnly = coreOnly
    }
  }

  /// Counts of one layer, step and device.
  public struct Counts: Sendable, Hashable {
    /// Multiply-adds.
    public var macs: Double
    /// Elements of weights, read once a step, and of the cache, read once a sequence.
    public var weights: Double
    public var cache: Double
    /// Multiply-adds for each element read.
    public var macsPerElement: Double { macs / (weights + cache) }
    /// Operations for each byte at `bits` bits an element.
    public func operationsPerByte(bits: Double) -> Double { 2 * macs / ((weights + cache) * bits / 8) }
  }

  /// Elements that one token adds to the cache of a layer.
  public func cachePerToken(_ model: AttentionModel) -> Int {
    switch self {
    case .mha: model.heads * (model.headDim + model.valueDim)
    case .gqa: model.headsKV * (model.headDim + model.valueDim)
    case .mqa: model.headDim + model.valueDim
    default: model.latentRank + model.positionDim
    }
  }

  /// Multiply-adds, weights and cache of one layer. Complexity: O(1).
  public func counts(_ model: AttentionModel, _ step: Step) -> Counts {
    let parts = isLatent ? latent(model, step) : plain(model, step)
    let newTokens = Double(step.batch) * Double(step.tokens)
    let projections = step.coreOnly ? 0 : parts.perToken * newTokens + parts.once
    return Counts(
      macs: projections + parts.perCached * Double(step.batch) * Double(step.context)
        + parts.perPair * newTokens * Double(step.context),
      weights: step.coreOnly ? 0 : parts.weights,
      cache: parts.cache * Double(step.batch) * Double(step.context))
  }

  private struct Parts {
    /// Multiply-adds of a new token, of a step, of a cached token, and of a pair of both.
    var perToken = 0.0
    var once = 0.0
    var perCached = 0.0
    var perPair = 0.0
    var weights = 0.0
    var cache = 0.0
  }

  private func plain(_ model: AttentionModel, _ step: Step) -> Parts {
    let width = Double(model.width)
    let heads = Double(model.heads) / Double(step.tensorParallel)
    let headsKV =
      switch self {
      case .mha: heads
      case .gqa: max(Double(model.headsKV) / Double(step.tensorParallel), 1)
      default: 1.0
      }
    let (key, value) = (Double(model.headDim), Double(model.valueDim))
    var parts = Parts()
    // Queries, keys, values and output.
    parts.weights = width * (heads * key + headsKV * (key + value) + heads * value)
    parts.perToken = parts.weights
    parts.perPair = heads * (key + value)
    parts.cache = headsKV * (key + value)
    return parts
  }

  private func latent(_ model: AttentionModel, _ step: Step) -> Parts {
    let (width, latent, query) = (Double(model.width), Double(model.latentRank), Double(model.queryRank))
    let heads = Double(model.heads) / Double(step.tensorParallel)
    let (key, value, position) = (Double(model.headDim), Double(model.valueDim), Double(model.positionDim))
    let common = width * query + query * heads * position + width * latent + width * position
    let queryUp = query * heads * key
    let keyUp = heads * key * latent
    let valueUp = heads * value * latent
    let output = heads * value * width
    let composite = heads * query * latent
    var parts = Parts()
    parts.cache = latent + position
    parts.perPair = heads * (latent + position + latent)
    switch self {
    case .mlaExpanded:
      parts.weights = common + queryUp + keyUp + valueUp + output
      parts.perToken = common + queryUp + output
      parts.perCached = keyUp + valueUp
      parts.perPair = heads * (key + position + value)
    case .mlaRecompute:
      parts.weights = common + queryUp + keyUp + valueUp + output
      parts.perToken = common + composite + valueUp + output
      parts.once = composite * key
    case .mlaReuse:
      parts.weights = common + composite + valueUp + output
      parts.perToken = parts.weights
    case .mlaReuseValue:
      parts.weights = common + composite + heads * latent * width
      parts.perToken = parts.weights
    default:
      parts.weights = common + queryUp + keyUp + valueUp + output
      parts.perToken = parts.weights
    }
    return parts
  }
}

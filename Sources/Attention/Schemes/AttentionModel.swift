/// The attention layers of a model, as its configuration says: what a planner counts with.
public struct AttentionModel: Sendable, Hashable {
  public var name: String
  public var width: Int
  public var heads: Int
  /// Heads that keys and values have where they are cached head by head.
  public var headsKV: Int
  /// Elements of a head without position, of a value, and of the position part that all heads share.
  public var headDim: Int
  public var valueDim: Int
  public var positionDim: Int
  /// Ranks of the latent keys and values, and of the latent queries; zero where the model has no latent attention.
  public var latentRank: Int
  public var queryRank: Int
  /// Attention layers.
  public var layers: Int
  /// Who says so.
  public var source: String

  public var hasLatent: Bool { latentRank > 0 }

  /// Models by name.
  public static let all: [AttentionModel] = [
    AttentionModel(
      name: "deepseek-v3", width: 7168, heads: 128, headsKV: 128, headDim: 128, valueDim: 128,
      positionDim: 64,
      latentRank: 512, queryRank: 1536, layers: 61, source: "deepseek-ai/DeepSeek-V3 config.json"),
    AttentionModel(
      name: "deepseek-v2", width: 5120, heads: 128, headsKV: 128, headDim: 128, valueDim: 128,
      positionDim: 64,
      latentRank: 512, queryRank: 1536, layers: 60, source: "deepseek-ai/DeepSeek-V2 config.json"),
    AttentionModel(
      name: "llama-3-70b", width: 8192, heads: 64, headsKV: 8, headDim: 128, valueDim: 128, positionDim: 0,
      latentRank: 0, queryRank: 0, layers: 80, source: "meta-llama/Meta-Llama-3-70B config.json"),
    AttentionModel(
      name: "llama-3-8b", width: 4096, heads: 32, headsKV: 8, headDim: 128, valueDim: 128, positionDim: 0,
      latentRank: 0, queryRank: 0, layers: 32, source: "meta-llama/Meta-Llama-3-8B config.json"),
  ]
  public static subscript(_ name: String) -> AttentionModel? { all.first { $0.name == name } }
}

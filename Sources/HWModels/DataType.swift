/// Element types of tensors.
public enum DataType: String, CaseIterable, Sendable, Codable {
  case bf16, fp16, fp8, fp32
  public var bytes: Int {
    switch self {
    case .fp8: 1
    case .bf16, .fp16: 2
    case .fp32: 4
    }
  }
}

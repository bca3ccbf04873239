import Attention
import Reports
import Simulator

extension PlanCommand {
  func printCounts(_ model: AttentionModel) throws {
    let (batches, contexts) = (try numbers(batch, "--batch"), try numbers(context, "--context"))
    let (tokens, schemes) = (try newTokens(), try schemes(model))
    let bits = Double(weightBits)
    var rows: [SchemeCountsText.Row] = []
    for scheme in schemes {
      for batch in batches {
        for context in contexts {
          let step = AttentionScheme.Step(
            batch: batch, tokens: tokens, context: context, tensorParallel: tensorParallel, coreOnly: coreOnly
          )
          let counts = scheme.counts(model, step)
          let bytes = (counts.weights * bits + counts.cache * Double(cacheBits)) / 8
          rows.append(.init(scheme: scheme, step: step, counts: counts, bytes: bytes))
        }
      }
    }
    let crossover = crossover(
      model,
      .init(batch: batches[0], tokens: tokens, context: contexts[0], tensorParallel: tensorParallel))
    switch format {
    case .text:
      Console.print(SchemeCountsText.csv(rows))
      if let crossover { Console.error(SchemeCountsText.sentence(crossover)) }
    case .json: Console.print(SchemeCountsText.json(rows, crossover: crossover))
    }
  }

  private func crossover(
    _ model: AttentionModel, _ step: AttentionScheme.Step
  ) -> SchemeCountsText.Crossover? {
    guard model.hasLatent, !coreOnly else { return nil }
    let plan = SchemePlan(
      macRate: 1, byteRate: 1, weightBits: Double(weightBits), cacheBits: Double(cacheBits))
    return plan.crossover(from: .mlaReuse, to: .mlaRecompute, model, step).map {
      .init(from: .mlaReuse, to: .mlaRecompute, operationsPerByte: $0, step: step)
    }
  }
}

import Foundation
import InputFiles
package import Reports

/// Errors that were recorded earlier (`validate --json`), which new ones must not exceed.
package struct AccuracyBaseline {
  private struct File: Decodable {
    struct Group: Decodable {
      let gpu: String
      let kernel: String
      let pass: String
      let metric: String
      let count: Int
      let meanAbsError: Double
      let p90AbsError: Double
    }
    struct Ranking: Decodable {
      let metric: String
      let pairs: Int
      let right: Int
    }
    let groups: [Group]
    /// Left out by earlier versions.
    let rankings: [Ranking]?
  }
  private let groups: [File.Group]
  private let rankings: [File.Ranking]

  /// How much worse an error may get: a tenth of itself, and a tenth of a point for errors near nothing.
  private static let tolerance = (share: 0.1, points: 0.001)

  /// - Throws: `UnusableInput` where the file is not what `validate --json` prints.
  package init(path: String) throws {
    let text = try SourceText.load(path).text
    do {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      let file = try decoder.decode(File.self, from: Data(text.utf8))
      groups = file.groups
      rankings = file.rankings ?? []
    } catch {
      throw UnusableInput("\(path): error: this is not what attnsim validate --json prints")
    }
  }

  /// What got worse, one line for each error; a recorded group or ranking that is gone counts as worse.
  package func regressions(in report: ValidationReport) -> [String] {
    worseGroups(report) + worseRankings(report)
  }

  /// Pairs in the wrong order may become a tenth more, and one pair: a single pair near a draw says nothing.
  private func worseRankings(_ report: ValidationReport) -> [String] {
    rankings.flatMap { old -> [String] in
      let name = "order of two kernels, \(old.metric)"
      guard let new = report.rankings.first(where: { $0.metric == old.metric }) else {
        return ["\(name): recorded with \(old.pairs) pairs, now without any"]
      }
      var lines: [String] = []
      if new.pairs < old.pairs {
        lines.append("\(name): \(new.pairs) pairs are predicted, \(old.pairs) were")
      }
      let wrongBefore = 1 - Double(old.right) / Double(max(old.pairs, 1))
      let allowed = wrongBefore * (1 + Self.tolerance.share) * Double(new.pairs) + 1
      if Double(new.pairs - new.right) > allowed + 1e-9 {
        lines.append(
          "\(name): wrong in \(new.pairs - new.right) of \(new.pairs) pairs, recorded \(old.pairs - old.right) of \(old.pairs)"
        )
      }
      return lines
    }
  }

  private func worseGroups(_ report: ValidationReport) -> [String] {
    groups.flatMap { old -> [String] in
      let name = "\(old.kernel) \(old.pass) \(old.metric)"
      guard
        let new = report.groups.first(where: {
          $0.gpu == old.gpu && $0.kernel == old.kernel && $0.pass == old.pass && $0.metric.name == old.metric
        })
      else { return ["\(name): recorded with \(old.count) rows, now without any"] }
      var lines: [String] = []
      if new.count < old.count { lines.append("\(name): \(new.count) rows are predicted, \(old.count) were") }
      for (what, before, now) in [
        ("mean error", old.meanAbsError, new.meanAbsoluteError),
        ("90th percentile", old.p90AbsError, new.p90AbsoluteError),
      ] where now > before * (1 + Self.tolerance.share) + Self.tolerance.points {
        lines.append("\(name): \(what) \(NumberText.percent(now)), recorded \(NumberText.percent(before))")
      }
      return lines
    }
  }
}

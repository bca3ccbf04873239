public import Simulator

/// A crossover map as text and JSON.
public enum CrossoverText {
  /// One line for each batch, a column for each context: a letter for the fastest candidate and its time. What the letters
  /// mean, and how many cells each wins, stands below.
  public static func text(_ map: CrossoverMap) -> String {
    let wins = map.wins
    let used = wins.indices.filter { wins[$0] > 0 }
    var letters: [Int: String] = [:]
    for (place, candidate) in used.enumerated() { letters[candidate] = letter(place) }
    var table = TextTable([.right] + map.contexts.map { _ in .left })
    table.add(["batch"] + map.contexts.map { length($0) })
    for (row, batch) in map.batches.enumerated() {
      table.add(
        ["\(batch)"]
          + map.contexts.indices.map { column in
            guard let winner = map.winner(batch: row, context: column),
              let seconds = map.seconds[row][column][winner]
            else { return "none" }
            return "\(letters[winner] ?? "") \(NumberText.time(seconds))"
          })
    }
    let cells = map.batches.count * map.contexts.count
    let legend = used.map { candidate in
      let share = wins[candidate] == cells ? "everywhere" : "in \(wins[candidate]) of \(cells) cells"
      return "\(letters[candidate] ?? "")  \(map.candidates[candidate]): fastest \(share)"
    }
    let refused = wins.reduce(0, +) == 0 ? ["no candidate takes any of these calls"] : []
    let assumed = map.assumptions.isEmpty ? [] : [""] + map.assumptions.map { "Assumes: \($0)" }
    return ([map.title, ""] + table.lines() + [""] + legend + refused + assumed).joined(separator: "\n")
  }

  /// What each of several devices would choose: for each candidate the share of the cells that it wins.
  public static func choices(_ maps: [(device: String, ridge: Double, map: CrossoverMap)]) -> String {
    guard let candidates = maps.first?.map.candidates else { return "" }
    let used = candidates.indices.filter { candidate in maps.contains { $0.map.wins[candidate] > 0 } }
    var table = TextTable([.left, .right] + used.map { _ in .right })
    table.add(["device", "op/B"] + used.map { candidates[$0] })
    for (device, ridge, map) in maps {
      let cells = Double(max(map.batches.count * map.contexts.count, 1))
      table.add(
        [device, NumberText.significant(ridge, 3)]
          + used.map { NumberText.fixed(100 * Double(map.wins[$0]) / cells, 0) + " %" })
    }
    return
      (["Share of the cells that each wins; op/B: operations a byte that the device has", ""]
      + table.lines()).joined(separator: "\n")
  }

  /// A, B, ..., Z, A2, ...
  private static func letter(_ place: Int) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return String(alphabet[place % 26]) + (place < 26 ? "" : "\(place / 26 + 1)")
  }

  /// 4096 as 4k, 1048576 as 1M.
  static func length(_ tokens: Int) -> String {
    if tokens >= 1 << 20, tokens % (1 << 20) == 0 { return "\(tokens >> 20)M" }
    return tokens >= 1024 && tokens % 1024 == 0 ? "\(tokens >> 10)k" : "\(tokens)"
  }

  /// `{"title", "candidates", "assumes", "cells": [{"batch", "context", "winner", "seconds": {...}}]}`.
  public static func json(_ map: CrossoverMap) -> String { value(map).text() }

  /// Several maps as an array.
  public static func json(_ maps: [CrossoverMap]) -> String { JSONValue.array(maps.map(value)).text() }

  private static func value(_ map: CrossoverMap) -> JSONValue {
    var cells: [JSONValue] = []
    for (row, batch) in map.batches.enumerated() {
      for (column, context) in map.contexts.enumerated() {
        let winner = map.winner(batch: row, context: column).map { JSONValue.string(map.candidates[$0]) }
        let times = map.candidates.enumerated().map { index, name -> (String, JSONValue) in
          (name, map.seconds[row][column][index].map { .number($0) } ?? .null)
        }
        cells.append(
          .object([
            ("batch", .integer(batch)), ("context", .integer(context)), ("winner", winner ?? .null),
            ("seconds", .object(times)),
          ]))
      }
    }
    return JSONValue.object([
      ("title", .string(map.title)), ("candidates", .array(map.candidates.map { .string($0) })),
      ("assumes", .array(map.assumptions.map { .string($0) })),
      ("cells", .array(cells)),
    ])
  }
}

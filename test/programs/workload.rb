# SPDX-License-Identifier: MIT
# workload.rb N - objects, strings, threads, a collection and a compaction
require "json"
require "digest"

n = ARGV[0].to_i
words = (0...n).map { |i| "w#{i * 7919 % 1009}" * (i % 6 + 1) }
puts words.tally.sort_by { |w, c| [-c, w] }.first(5).inspect
puts Digest::SHA256.hexdigest(words.sort.join(" "))
tree = ->(d) { d.zero? ? nil : [tree.(d - 1), tree.(d - 1)] }
puts tree.(12).flatten.size
document = words.each_with_index.to_h { |w, i| ["#{w}#{i}", { "n" => i, "t" => [w] * (i % 5) }] }
puts JSON.parse(JSON.generate(document)) == document
results = 4.times.map { |t| Thread.new { (0...n).sum { |i| "#{i}#{t}".to_sym.to_s.size } } }.map(&:value)
puts results.inspect
GC.start
reader, writer = IO.pipe
pid = fork do
  reader.close
  writer.puts((1..1000).map { |i| i.to_s * 10 }.join.size)
end
writer.close
puts reader.read
Process.wait pid

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""languages.py - languages with memory of their own do with the library what they do without.

Their heaps lie at addresses that they choose (SBCL, Go), are scanned for pointers (Guile's
collector), or stand beside malloc (Java, Erlang, Mono).  What is not installed is skipped.
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
from harness import GLIBC, LENGTH, SEAM, SECURE, Report, Skipped  # noqa: E402
from programs import need, same  # noqa: E402

# The textbook engines are too slow, or too large, for these.
ENGINES = (SEAM, SECURE, GLIBC)
LISP = ('(let ((h (make-hash-table :test (quote equal)))) (dotimes (i 200000) (setf (gethash (format nil "k~a" '
        '(mod i 5000)) h) (list i i))) (gc :full t) (print (hash-table-count h)))')
SCHEME = ("(define (f n) (if (= n 0) '() (cons (make-string 20 #\\a) (f (- n 1))))) (display (length (f 300000))) (gc) "
          "(display (length (f 300000)))")
ERLANG = ("P=self(), [spawn(fun() -> P ! {I, erlang:crc32([integer_to_list(X*I) || X <- lists:seq(1,9000)])} end) "
          "|| I <- lists:seq(1,50)], io:format(\"~p\",[lists:sort([receive {I,C} -> {I,C} end || I <- lists:seq(1,50)])]),"
          "T=ets:new(a,[]), [ets:insert(T,{X,<<X:800>>}) || X <- lists:seq(1,100000)], "
          "io:format(\"~p\",[ets:info(T,size)]), halt().")
LISP_OF_EMACS = ('(progn (dotimes (i 30) (with-temp-buffer (dotimes (j 2000) (insert (format "%d line\\n" j))) '
                 '(sort-lines nil (point-min) (point-max)) (princ (buffer-size)))) (garbage-collect))')
R = ("set.seed(1); x <- matrix(rnorm(90000), 300); print(round(sum(solve(x) %*% x))); "
     "print(length(unique(lapply(1:20000, function(i) strrep('a', i %% 50)))))")
OCTAVE = "c = cell(1, 20000); for i = 1:20000 c{i} = ones(1, mod(i, 40)); end; disp(sum(cellfun(@numel, c)))"
LUAJIT = ("local f = require('ffi') f.cdef'void *malloc(size_t); void free(void *);' "
          "for i = 1, 1e5 do f.C.free(f.C.malloc(i % 5000)) end local t = {} for i = 1, 3e5 do t[i] = {i} end print(#t)")

# title, command
RUN = [
    ("SBCL", ["sbcl", "--noinform", "--non-interactive", "--eval", LISP]),
    ("Guile", ["guile", "--no-auto-compile", "-c", SCHEME]),
    ("Erlang", ["erl", "-noshell", "-eval", ERLANG]),
    ("Emacs", ["emacs", "-Q", "--batch", "--eval", LISP_OF_EMACS]),
    ("R", ["Rscript", "-e", R]),
    ("Octave", ["octave-cli", "-q", "--eval", OCTAVE]),
    ("LuaJIT", ["luajit", "-e", LUAJIT]),
    ("ffmpeg", ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=duration=2:size=640x360", "-c:v", "mpeg4",
                "-threads", "4", "-f", "md5", "-"]),
]

JAVA = """
import java.nio.ByteBuffer; import java.util.*; import java.util.zip.*;
public class W {
    public static void main(String[] a) throws Exception {
        long[] sums = new long[6]; Thread[] threads = new Thread[6];
        for (int k = 0; k < 6; k++) {
            final int me = k;
            threads[k] = new Thread(() -> {
                for (int i = 0; i < 30; i++) {
                    byte[] in = new byte[200000], out = new byte[400000];
                    new Random(i * 8 + me).nextBytes(in);
                    Deflater d = new Deflater(); d.setInput(in); d.finish(); sums[me] += d.deflate(out); d.end();
                    ByteBuffer.allocateDirect(1 << 20).put(in);
                }
            });
            threads[k].start();
        }
        for (Thread t : threads) t.join();
        System.out.println(Arrays.toString(sums));
    }
}
"""
GO = """
package main
// #include <stdlib.h>
// #include <string.h>
// static char *make_block(int n) { char *p = malloc(n); memset(p, n & 127, n); return p; }
import "C"
import ("fmt"; "runtime"; "sync"; "unsafe")
func main() {
    var wait sync.WaitGroup; var lock sync.Mutex; total := 0
    for i := 0; i < 16; i++ { wait.Add(1); go func(i int) {
        defer wait.Done(); sum := 0
        for j := 0; j < 10000; j++ {
            p := unsafe.Pointer(C.make_block(C.int(16 + (i*j)%2000))); sum += int(*(*byte)(p)) + len(make([]byte, j%500))
            if j%3 == 0 { p = C.realloc(p, 4000) }
            C.free(p)
            if j%5000 == 0 { runtime.GC() }
        }
        lock.Lock(); total += sum; lock.Unlock() }(i) }
    wait.Wait(); fmt.Println(total)
}
"""
RUST = """
use std::collections::*; use std::thread;
fn main() {
    let threads: Vec<_> = (0..6u64).map(|k| thread::spawn(move || {
        let mut tree = BTreeMap::new(); let mut table = HashMap::new();
        for i in 0..30000u64 {
            let text = format!("{}-{}", k, i * 7919 % 30011);
            tree.insert(text.clone(), vec![i; (i % 20) as usize]); table.insert(i, text);
            if i % 3 == 0 { table.remove(&(i / 2)); }
        }
        (tree.len(), table.len()) })).collect();
    for t in threads { println!("{:?}", t.join().unwrap()); }
}
"""
HASKELL = """
import qualified Data.Map as M
main = print (M.foldl' (+) 0 (M.fromListWith (+) [((i * 7919) `mod` 10007, i) | i <- [1 .. 200000 :: Int]]))
"""
OCAML = """
let h = Hashtbl.create 10;;
for i = 1 to 200000 do Hashtbl.replace h (i mod 5000) (String.make (i mod 100) 'x') done;;
Gc.compact (); print_int (Hashtbl.length h)
"""
CSHARP = """
using System; using System.Collections.Generic; using System.Threading;
class W { static void Main() {
    int n = 0; var threads = new List<Thread>();
    for (int k = 0; k < 4; k++) { var t = new Thread(() => {
        var d = new Dictionary<string, int[]>(); for (int i = 0; i < 50000; i++) d["k" + (i % 3000)] = new int[i % 100];
        Interlocked.Add(ref n, d.Count); }); t.Start(); threads.Add(t); }
    threads.ForEach(t => t.Join()); Console.WriteLine(n); } }
"""

# title, file, its text, how it is compiled, how it is run in that folder
COMPILED = [
    ("Java", "W.java", JAVA, ["javac", "W.java"], ["java", "-Xmx200m", "-cp", "{}", "W"]),
    ("Java with ZGC", "W.java", JAVA, ["javac", "W.java"], ["java", "-XX:+UseZGC", "-Xmx256m", "-cp", "{}", "W"]),
    ("Go with cgo", "w.go", GO, ["go", "build", "-o", "w", "w.go"], ["{}/w"]),
    ("Rust", "w.rs", RUST, ["rustc", "-O", "w.rs"], ["{}/w"]),
    ("Haskell, two capabilities", "w.hs", HASKELL, ["ghc", "-v0", "-threaded", "-rtsopts", "w.hs"],
     ["{}/w", "+RTS", "-N2"]),
    ("OCaml", "w.ml", OCAML, ["ocamlopt", "w.ml", "-o", "w"], ["{}/w"]),
    ("Mono", "w.cs", CSHARP, ["mcs", "w.cs"], ["mono", "{}/w.exe"]),
]


def long_only():
    if LENGTH == "quick":
        raise Skipped("not in a quick run")


def run(command):
    long_only()
    same(command, None)


def compiled(source, text, compiler, command):
    """Compiles without the library and runs the result as any other program."""
    long_only()
    need(compiler[0])
    folder = tempfile.mkdtemp()
    try:
        with open(os.path.join(folder, source), "w", encoding="ascii") as file:
            file.write(text)
        env = dict(os.environ, HOME=folder, GOCACHE=os.path.join(folder, "cache"))
        done = subprocess.run(compiler, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise Skipped(f"does not compile here: {done.stderr[:200]}")
        same([word.format(folder) for word in command], None)
    finally:
        shutil.rmtree(folder)


def main():
    report = Report("languages")
    for title, command in RUN:
        report.case(title, lambda c=command: run(c), ENGINES)
    for title, *how in COMPILED:
        report.case(title, lambda h=how: compiled(*h), ENGINES)
    report.close()


if __name__ == "__main__":
    main()

// Command gen writes CloudTrail log files for the benchmark: gzip, as S3
// delivers them, in a tree of accounts, regions and days. The same flags give
// the same bytes.
//
// The records are made up, and so is everything measured on them: the mix of
// calls, the length of their parameters and the order of their keys. They do
// hold what misleads a careless reader: records that quote other records in
// a parameter, and templates that carry escaped JSON.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
)

// shape is what the flags say.
type shape struct {
	seed       uint64
	size       int64 // raw bytes wanted; unused where each is set
	records    int   // in a file
	principals int
	each       int // discovery events a principal makes; 0: by size
	accounts   int
	regions    int
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	var s shape
	out := flag.String("out", "", "`folder` to write into; must not exist")
	flag.Uint64Var(&s.seed, "seed", 1, "seed of everything random")
	flag.Int64Var(&s.size, "size", 2<<30, "raw `bytes` of JSON to write, about")
	flag.IntVar(&s.records, "records", 3000, "records in a file")
	flag.IntVar(&s.principals, "principals", 2000, "callers")
	flag.IntVar(&s.each, "each", 0, "write exactly this many discovery calls of every caller, and nothing else (-size is not used)")
	flag.IntVar(&s.accounts, "accounts", 10, "accounts")
	flag.IntVar(&s.regions, "regions", 6, "regions, at most 6")
	level := flag.Int("level", 6, "gzip level")
	workers := flag.Int("workers", 2, "files written at a time")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 || s.records < 1 || s.principals < 1 || s.accounts < 1 || s.regions < 1 || s.regions > len(regions) {
		flag.Usage()
		os.Exit(2)
	}
	if _, err := os.Stat(*out); err == nil {
		log.Fatalf("%s exists", *out)
	}
	raw, packed, files, events, err := write(s, *out, *level, *workers)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("files %d\nevents %d\nraw_bytes %d\ngzip_bytes %d\nratio %.2f\n", files, events, raw, packed, float64(raw)/float64(packed))
}

// write generates the set and returns its sizes.
func write(s shape, out string, level, workers int) (raw, packed int64, files, events int, err error) {
	events = s.principals * s.each
	if s.each == 0 {
		// A first file tells how long a record is, on average.
		n := max(s.records, 500)
		probe := newWriter(s, 0).file(nil, 0, n, n)
		events = int(s.size * int64(n) / int64(len(probe)))
	}
	files = (events + s.records - 1) / s.records

	var rawSum, packedSum, next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			var plain []byte
			var zip bytes.Buffer
			gz, err := gzip.NewWriterLevel(&zip, level)
			if err != nil {
				errs[w] = err
				return
			}
			for {
				i := int(next.Add(1)) - 1
				if i >= files {
					return
				}
				fw := newWriter(s, i)
				first := i * s.records
				plain = fw.file(plain[:0], first, min(s.records, events-first), events)
				zip.Reset()
				gz.Reset(&zip)
				_, err := gz.Write(plain)
				if err == nil {
					err = gz.Close()
				}
				if err == nil {
					err = save(filepath.Join(out, fw.path(i)), zip.Bytes())
				}
				if err != nil {
					errs[w] = err
					return
				}
				rawSum.Add(int64(len(plain)))
				packedSum.Add(int64(zip.Len()))
			}
		})
	}
	wg.Wait()
	for _, e := range errs {
		if e != nil {
			return 0, 0, 0, 0, e
		}
	}
	return rawSum.Load(), packedSum.Load(), files, events, nil
}

func save(name string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}

package hub

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes a section a technique, for a page of a wiki. Of the
// rehearsals it has numbers alone: nothing in it comes from a log or from a
// file of somebody's.
func WriteMarkdown(w io.Writer, h *Hub) error {
	b := bufio.NewWriter(w)
	for i, t := range h.Techniques {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "### %s %s\n\n%s\n\n", t.ID, t.Name, t.Guide.What)
		for _, d := range t.Detections {
			fmt.Fprintf(b, "- `%s` %s: runs %s. Fires at %s.\n", d.ID, d.Name, d.Runs, strings.Join(d.Fires, "; "))
		}
		b.WriteString("\n| cloud | APIs by log | rehearsed | what shows |\n| --- | --- | --- | --- |\n")
		for _, c := range t.Clouds {
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", c.Name, logs(c), rehearsed(c), strings.ReplaceAll(c.Shows, "|", `\|`))
		}
		for _, p := range Parts(t.Guide) {
			switch p.Title {
			case "Related":
				fmt.Fprintf(b, "\n**Related**: %s.\n", strings.Join(p.Lines, ", "))
			case "Sources":
				fmt.Fprintf(b, "\n**Sources**: <%s>\n", strings.Join(p.Lines, ">, <"))
			default:
				fmt.Fprintf(b, "\n**%s**\n\n", p.Title)
				for _, s := range p.Lines {
					fmt.Fprintf(b, "- %s\n", s)
				}
			}
		}
	}
	return b.Flush()
}

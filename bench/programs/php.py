# SPDX-License-Identifier: MIT
"""php.py - the PHP interpreter without its own allocator

8.9 million calls of malloc and 2.3 million of realloc, of 70 bytes on average, as PHP
is told not to use its own allocator.
"""

import workloads

SCRIPT = """
mt_srand(1);
class Page {
    public $parts = [];
    public function __construct(public string $title, public int $number) {}
    public function render() {
        $text = '';
        foreach ($this->parts as $name => $part)
            $text .= "<p id=\\"$name\\">" . htmlspecialchars(str_repeat($part, 2)) . "</p>\\n";
        return "<h1>$this->title</h1>\\n$text";
    }
}
$cache = [];
$sum = 0;
for ($i = 0; $i < (int)$argv[1]; $i++) {
    $page = new Page("Page " . mt_rand(0, 9999), $i);
    for ($j = mt_rand(0, 9); $j > 0; $j--)
        $page->parts["part$j"] = "text <" . mt_rand() . "> & more";
    $key = "page" . mt_rand(0, 4000);
    $cache[$key] = [$page, explode(' ', $page->render())];
    if (mt_rand(0, 3) == 0)
        unset($cache["page" . mt_rand(0, 4000)]);
    $sum += strlen(implode(',', $cache[$key][1] ?? []));
}
ksort($cache);
echo count($cache), " $sum ", crc32(serialize($cache)), "\\n";
"""


class Php(workloads.Command):
    """PHP: objects, arrays and strings of pages, each a malloc (USE_ZEND_ALLOC=0)."""

    needs = {"php": "php-cli"}
    variables = {"USE_ZEND_ALLOC": "0"}
    amount = 120000

    def argv(self):
        return ["php", "-n", self.input("pages.php", lambda: "<?php" + SCRIPT), str(self.amount)]

<?php
// SPDX-License-Identifier: MIT
// workload.php N - extensions that php opens with RTLD_DEEPBIND, as some systems have it
$n = (int) $argv[1];
$words = [];
for ($i = 0; $i < $n; $i++) {
	$words[] = str_repeat('w' . $i * 7919 % 1009, $i % 6 + 1);
}
$counted = array_count_values($words);
ksort($counted);
echo count($counted), ' ', hash('sha256', implode(' ', array_keys($counted))), "\n";
echo crc32(json_encode(array_map(fn ($w) => ['word' => $w, 'length' => strlen($w)], $words))), "\n";
echo preg_match_all('/w(\d+)w\1/', implode(' ', $words)), "\n";
$tree = [];
for ($i = 0; $i < $n; $i++) {
	$tree[$i % 97][$i % 13][] = $words[$i];
}
echo strlen(serialize(unserialize(serialize($tree)))), "\n";
foreach (['iconv' => fn ($s) => iconv('UTF-8', 'UTF-16LE', $s), 'zlib' => fn ($s) => gzuncompress(gzcompress($s)),
	'ctype' => fn ($s) => ctype_alnum($s), 'tokenizer' => fn ($s) => count(token_get_all("<?php $s;"))] as $name => $run) {
	echo $name, ' ', extension_loaded($name) ? md5(var_export($run(implode($words)), true)) : 'none', "\n";
}
$list = new SplDoublyLinkedList();
foreach ($words as $word) {
	$list->push(strrev($word));
}
echo md5(serialize($list)), "\n";

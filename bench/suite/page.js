"use strict";

// The switches of the legend show and hide an allocator, in plots and tables alike.
for (const label of document.querySelectorAll(".legend label")) {
	const input = label.querySelector("input");
	input.addEventListener("change", () => {
		const name = CSS.escape(label.dataset.allocator);
		for (const element of document.querySelectorAll(`main [data-allocator="${name}"]`))
			element.classList.toggle("off", !input.checked);
	});
}

// What a cell is sorted by: its ratio, or what it says; cells without a ratio come last.
function order(row, column) {
	const cell = row.cells[column];
	if (cell.dataset.order !== undefined)
		return Number(cell.dataset.order);
	return cell.dataset.allocator === undefined ? cell.textContent : Infinity;
}

function compare(one, other) {
	return typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other));
}

// A click sorts upward, the next one downward.
for (const head of document.querySelectorAll(".sortable thead th")) {
	head.addEventListener("click", () => {
		const body = head.closest("table").tBodies[0];
		const direction = head.dataset.sorted === "up" ? -1 : 1;
		const rows = [...body.rows].sort((one, other) =>
			direction * compare(order(one, head.cellIndex), order(other, head.cellIndex)));
		head.dataset.sorted = direction === 1 ? "up" : "down";
		body.append(...rows);
	});
}

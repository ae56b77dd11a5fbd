// cairo: draws a label once, for SVG, PNG, PDF and label printers.
#pragma once
#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>

import matplotlib as mpl
import pytest
from torch import nn

from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.report.plots import network as figure
from hemosweep.report.plots.network import draw_network


@pytest.fixture
def drawn(tmp_path):
    def drawn(module, in_channels=2, patch_DHW=(16, 32, 32), title="n"):
        with mpl.rc_context({"svg.fonttype": "none"}):
            draw_network(module, in_channels, patch_DHW, tmp_path / "new" / "n.svg", title=title)
        return (tmp_path / "new" / "n.svg").read_text(encoding="utf-8")

    return drawn


def test_the_papers_network_names_its_parameters_channels_sizes_and_layers(drawn):
    text = drawn(SEUNet3D().build(in_channels=2), title="SEUNet3D")
    for line in (
        "SEUNet3D: 2,263,042 parameters, 2 input channels",
        "32×32×16",
        "16×16×8",
        "8×8×4",
        "256",
        "convolution 3×3×3, batch normalisation, ReLU",
        "max pooling 2×2×2, dropout",
        "up-convolution 2×2×2, stride 2, batch normalisation, dropout",
        "convolution 1×1×1",
        "skip connection, concatenation",
        "squeeze-and-excitation, C → C/r → C, r = 16",
    ):
        assert f">{line}<" in text, line


def test_a_plain_u_net_has_no_triangle_and_no_dropout(drawn):
    text = drawn(SEUNet3D(width=4, se=False, dropout=0.0).build(in_channels=1), in_channels=1)
    assert "squeeze" not in text
    assert "dropout" not in text
    assert "1 input channel<" in text


def test_a_kernel_is_written_in_plane_first_as_a_patch_is(drawn):
    text = drawn(nn.Sequential(nn.Conv3d(2, 2, (1, 3, 5), padding=(0, 1, 2))))
    assert ">convolution 3×5×1<" in text


class ByValue(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv3d(2, 2, 1)

    def forward(self, x_BCDHW):
        return self.layer(x_BCDHW) if float(x_BCDHW.mean()) > 0 else x_BCDHW


def test_the_parts_are_listed_where_the_maps_cannot_be_followed_and_the_picture_says_why(drawn, monkeypatch):
    text = drawn(ByValue())
    assert "its feature maps are not drawn: " in text
    for cell in ("layer", "Conv3d", "6"):
        assert f">{cell}<" in text
    monkeypatch.setattr(figure, "MOST_MAPS", 3)
    text = drawn(SEUNet3D(width=4).build(in_channels=2))
    assert "it makes 13 feature maps, too many for a diagram." in text
    assert ">encode1<" in text
